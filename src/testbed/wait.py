"""The one way to wait: poll a condition until it holds, can no longer hold, or its time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from testbed.errors import TestbedError

T = TypeVar("T")


class WaitTimeout(TestbedError):
    """The condition did not come true in time."""


class FinalError(TestbedError):
    """An error that waiting does not cure, such as a container that exited: a wait ends with it at once."""


def wait_until(
    condition: Callable[[], T],
    deadline: float,
    what: str,
    *,
    hint: str = "",
    interval: float = 0.2,
    describe: Callable[[], object] | None = None,
    fatal: Callable[[], str] | None = None,
) -> T:
    """Poll ``condition`` until it returns something true, and return that.

    Args:
        condition: asked again and again; a TestbedError or OSError counts as "not yet" and as the last state seen.
        deadline: seconds from now after which to give up.
        what: what is waited for, as the end of "waited 30 s for ...".
        hint: what to look at when it never comes.
        interval: seconds between two polls.
        describe: returns the last state seen, for the message; by default the condition's last result.
        fatal: returns why the condition cannot come true any more; empty while it can. An error counts as "it can".

    Raises:
        WaitTimeout: the time is over; with the last state seen and the hint.
        FinalError: ``fatal`` returned a reason, or the condition raised this error.
    """
    end = time.monotonic() + deadline
    reason = ""
    while True:
        error: Exception | None = None
        last: object = None
        try:
            result = condition()
            if result:
                return result
            last = result
        except FinalError:
            raise
        except (TestbedError, OSError) as refusal:
            error = refusal
        if reason:
            raise FinalError(reason, fix=hint)
        # Once more after a reason is known: the condition may have come true just before the end.
        if fatal and (reason := _reason(fatal)):
            continue
        if time.monotonic() >= end:
            # Described only now: to look closer may cost what is waited for.
            seen = error or (describe() if describe else last)
            raise WaitTimeout(f"waited {deadline:g} s for {what}; last seen: {seen}", fix=hint)
        time.sleep(interval)


def _reason(fatal: Callable[[], str]) -> str:
    try:
        return fatal()
    except FinalError:
        raise
    except (TestbedError, OSError):
        return ""


def elapse(seconds: float) -> None:
    """Let time pass because time itself is what is measured over; to wait for something, use ``wait_until``."""
    time.sleep(seconds)
