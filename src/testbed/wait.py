"""The one way to wait: poll a condition until a deadline, and fail with the last state seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from testbed.errors import TestbedError

T = TypeVar("T")


class WaitTimeout(TestbedError):
    """The condition did not come true in time."""


def wait_until(
    condition: Callable[[], T],
    deadline: float,
    what: str,
    *,
    hint: str = "",
    interval: float = 0.2,
    describe: Callable[[], object] | None = None,
) -> T:
    """Poll ``condition`` until it returns something true, and return that.

    Args:
        condition: asked again and again; an exception it raises counts as "not yet" and as the last state seen.
        deadline: seconds from now after which to give up.
        what: what is waited for, as the end of "waited 30 s for ...".
        hint: what to look at when it never comes.
        interval: seconds between two asks.
        describe: tells the last state seen, for the message; by default the condition's last result.

    Raises:
        WaitTimeout: with the last state seen and the hint.
    """
    end = time.monotonic() + deadline
    while True:
        error: Exception | None = None
        last: object = None
        try:
            result = condition()
            if result:
                return result
            last = result
        except (TestbedError, OSError) as refusal:
            error = refusal
        if time.monotonic() >= end:
            # Described only now: to look closer may cost what is waited for.
            seen = error or (describe() if describe else last)
            raise WaitTimeout(f"waited {deadline:g} s for {what}; last seen: {seen}", mend=hint)
        time.sleep(interval)


def elapse(seconds: float) -> None:
    """Let time pass because time itself is what is measured over; to wait for something, use ``wait_until``."""
    time.sleep(seconds)
