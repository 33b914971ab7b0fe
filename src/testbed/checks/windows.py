"""Finding the times in which a probe had no good answer.

An outage lasts from the last good reply before it to the first good reply after it. It is seen in two ways:
probes that failed, and good replies that were a long time coming: a write that is blocked for three seconds
and then commits was an outage of three seconds for whoever waited.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from testbed.journal import Series
from testbed.journal.series import OK, UNKNOWN


@dataclass(frozen=True, slots=True)
class Window:
    """One outage.

    Args:
        last_good: when the last good reply before it came, None if there was none.
        first_good: when the first good reply after it came, None if none did.
        failed, unknown: probes that were due in it and ended so.
        detail: why the first of them was not good.
        first_bad: when the first probe was due that was not answered well, or too late.
        last_bad: when the last such probe was due; of replies that were too late, when the first came.
    """

    last_good: float | None
    first_good: float | None
    failed: int
    unknown: int
    detail: str = ""
    first_bad: float = 0.0
    last_bad: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it was; infinite when it has no beginning or no end."""
        if self.last_good is None or self.first_good is None:
            return inf
        return self.first_good - self.last_good

    @property
    def proven(self) -> float:
        """How long it was at least: nothing if one probe alone saw it."""
        return self.last_bad - self.first_bad


def find(due: Series, first: int, slow: float, apart: float) -> tuple[Window, ...]:
    """The outages that a probe saw, in order of time.

    Args:
        due: its samples.
        first: place of the first that counts.
        slow: seconds that a probe must have waited for a good reply to make an outage although none failed.
        apart: seconds within which two outages cannot be told apart: they are one.
    """
    return _merge([*_failures(due, first), *_gaps(due, first, slow)], apart)


def _failures(due: Series, first: int) -> list[Window]:
    """A window for each run of probes that were not good, in the order they were due."""
    windows = []
    last_good = -inf
    bad: list[int] = []
    earliest_after = _earliest_good_from(due)
    for place in range(first, len(due)):
        if due.outcomes[place] != OK:
            bad.append(place)
            continue
        if bad:
            windows.append(_window(due, last_good, earliest_after[place], bad))
            bad = []
        last_good = max(last_good, due.finished[place])
    if bad:
        windows.append(_window(due, last_good, inf, bad))
    return windows


def _earliest_good_from(due: Series) -> array[float]:
    """For each place, when the first good reply came to a probe due there or later; infinite if none did."""
    earliest = array("d", due.finished)
    best = inf
    for place in range(len(due) - 1, -1, -1):
        if due.outcomes[place] == OK:
            best = min(best, earliest[place])
        earliest[place] = best
    return earliest


def _window(due: Series, last_good: float, first_good: float, bad: list[int]) -> Window:
    # Replies overtake each other; an outage between two of them cannot be shorter than nothing.
    first_good = max(first_good, last_good)
    unknown = sum(due.outcomes[place] == UNKNOWN for place in bad)
    return Window(
        None if last_good == -inf else last_good,
        None if first_good == inf else first_good,
        len(bad) - unknown,
        unknown,
        due.detail(bad[0]),
        due.scheduled[bad[0]],
        due.scheduled[bad[-1]],
    )


def _gaps(due: Series, first: int, slow: float) -> list[Window]:
    """A window wherever no good reply came for a long time, though one was due all that time."""
    good = (
        finished for finished, outcome in zip(due.finished[first:], due.outcomes[first:], strict=True) if not outcome
    )
    windows = []
    for before, after in pairwise(sorted(good)):
        if after - before < slow:
            continue
        asked = bisect_right(due.scheduled, before, first)
        if asked < len(due) and after - due.scheduled[asked] >= slow:
            windows.append(Window(before, after, 0, 0, "slow replies", due.scheduled[asked], after))
    return windows


def _merge(windows: list[Window], apart: float) -> tuple[Window, ...]:
    """Join windows that overlap, or are too close to be told apart, so that no second is counted twice."""
    merged: list[Window] = []
    for window in sorted(windows, key=_begin):
        if merged and _begin(window) <= _end(merged[-1]) + apart:
            merged[-1] = _join(merged[-1], window)
        else:
            merged.append(window)
    return tuple(merged)


def _begin(window: Window) -> float:
    return -inf if window.last_good is None else window.last_good


def _end(window: Window) -> float:
    return inf if window.first_good is None else window.first_good


def _join(one: Window, other: Window) -> Window:
    end = max(_end(one), _end(other))
    detail = next((window.detail for window in (one, other) if window.failed or window.unknown), one.detail)
    return Window(
        one.last_good,
        None if end == inf else end,
        one.failed + other.failed,
        one.unknown + other.unknown,
        detail,
        min(one.first_bad, other.first_bad),
        max(one.last_bad, other.last_bad),
    )
