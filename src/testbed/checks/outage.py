"""When was a service away, as a probe saw it?

An outage lasts from the last good reply before it to the first good reply after it. It is seen in two ways:
probes that failed, and good replies that were a long time coming: a write that is blocked for three seconds
and then commits was an outage of three seconds for whoever waited.

A probe that fails alone, among good ones, was no outage that can be resolved: its length is anything from nothing to
two intervals. A ceiling of nought allows it, and nothing more.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from statistics import median

from testbed.journal import ProbeSample, Series

_OK = 0


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


@dataclass(frozen=True, slots=True)
class OutageReport:
    """What a probe saw.

    Args:
        windows: the outages, in order of time.
        good, failed, unknown: number of probes.
        resolution: seconds between two probes: no time here is known better.
        ceiling: seconds that no outage may be longer than, None for no limit; 0 for none that can be resolved.
    """

    windows: tuple[Window, ...]
    good: int
    failed: int
    unknown: int
    resolution: float
    ceiling: float | None

    @property
    def longest(self) -> Window | None:
        """The longest outage, None if there was none."""
        return max(self.windows, key=lambda window: window.seconds, default=None)

    @property
    def total(self) -> float:
        """Seconds of all outages together."""
        return sum(window.seconds for window in self.windows)

    @property
    def is_away(self) -> bool:
        """Whether no good reply came after the last outage."""
        return bool(self.windows) and self.windows[-1].first_good is None

    @property
    def excessive(self) -> tuple[Window, ...]:
        """The outages that were longer than the ceiling."""
        if self.ceiling is None:
            return ()
        if not self.ceiling:
            return tuple(window for window in self.windows if window.proven > 0 or window.seconds == inf)
        return tuple(window for window in self.windows if window.seconds > self.ceiling)

    @property
    def ok(self) -> bool:
        """The service was seen up, was up at the end, and was never away for too long."""
        return bool(self.good) and not self.is_away and not self.excessive

    def explain(self) -> str:
        """The verdict and its evidence, one paragraph."""
        count = self.good + self.failed + self.unknown
        text = f"{count} probes: {self.good} good, {self.failed} failed, {self.unknown} unknown; "
        worst = self.longest
        if worst is None:
            return text + ("no outage." if self.good else "nothing was probed.")
        text += f"{len(self.windows)} outage(s), {self.total:.2f} s together, the longest {worst.seconds:.2f} s "
        text += f"(resolution {self.resolution:.3f} s, {worst.failed} failed, {worst.unknown} unknown"
        text += f", at first: {worst.detail})" if worst.detail else ")"
        if self.is_away:
            return text + "; no good reply came after the last."
        if self.ceiling is not None:
            text += f"; at most {self.ceiling:g} s were allowed"
        return text + "."


def check_outage(
    samples: Series | Iterable[ProbeSample],
    *,
    ceiling: float | None = None,
    slow: float = 1.0,
    begin: float = -inf,
    end: float = inf,
) -> OutageReport:
    """Find the outages in the samples of one probe.

    Args:
        samples: of one probe, in any order.
        ceiling: seconds that no outage may be longer than; 0: none that can be resolved.
        slow: seconds that a probe must have waited for the next good reply, its own or another's, to make an
            outage although none failed.
        begin: what was due before does not count, but for the last good one.
        end: outages that began later do not count; one that had begun is followed to its own end.
    """
    due = Series.of(samples)
    first = _from(due, begin)
    times, outcomes = due.scheduled[first:], due.outcomes[first:]
    steps = [after - before for before, after in pairwise(times)]
    resolution = median(steps) if steps else 0.0
    windows = _merge([*_failures(due, first), *_gaps(due, first, slow)], 2 * resolution)
    counted = outcomes[: bisect_right(times, end)]
    return OutageReport(
        windows=tuple(window for window in windows if window.first_bad <= end),
        good=counted.count(_OK),
        failed=counted.count(1),
        unknown=counted.count(2),
        resolution=resolution,
        ceiling=ceiling,
    )


def _from(due: Series, begin: float) -> int:
    """The place of the last good sample that was due before ``begin``, or of the first one after it."""
    first = bisect_left(due.scheduled, begin)
    last_good = due.outcomes.rfind(_OK, 0, first)
    return first if last_good < 0 else last_good


def _failures(due: Series, first: int) -> list[Window]:
    """A window for each run of probes that were not good, in the order they were due."""
    windows = []
    last_good = -inf
    bad: list[int] = []
    earliest_after = _earliest_good_from(due)
    for place in range(first, len(due)):
        if due.outcomes[place] != _OK:
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
        if due.outcomes[place] == _OK:
            best = min(best, earliest[place])
        earliest[place] = best
    return earliest


def _window(due: Series, last_good: float, first_good: float, bad: list[int]) -> Window:
    # Replies overtake each other; an outage between two of them cannot be shorter than nothing.
    first_good = max(first_good, last_good)
    unknown = sum(due.outcomes[place] == 2 for place in bad)
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
