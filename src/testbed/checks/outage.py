"""When was a service away, as a probe saw it?

An outage lasts from the last good reply before it to the first good reply after it. It is seen in two ways:
probes that failed, and good replies that were a long time coming: a write that is blocked for three seconds
and then commits was an outage of three seconds for whoever waited.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from testbed.journal import Outcome, ProbeSample


@dataclass(frozen=True, slots=True)
class Window:
    """One outage.

    Args:
        last_good: when the last good reply before it came, None if there was none.
        first_good: when the first good reply after it came, None if none did.
        failed, unknown: probes that were due in it and ended so.
        detail: why the first of them was not good.
    """

    last_good: float | None
    first_good: float | None
    failed: int
    unknown: int
    detail: str = ""

    @property
    def seconds(self) -> float:
        """How long it was; infinite when it has no beginning or no end."""
        if self.last_good is None or self.first_good is None:
            return float("inf")
        return self.first_good - self.last_good


@dataclass(frozen=True, slots=True)
class OutageReport:
    """What a probe saw.

    Args:
        windows: the outages, in order of time.
        good, failed, unknown: number of probes.
        resolution: seconds between two probes: no time here is known better.
        ceiling: seconds that no outage may be longer than, None for no limit.
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
    def ok(self) -> bool:
        """The service was seen up, was up at the end, and was never away for too long."""
        if not self.good or (self.windows and self.windows[-1].first_good is None):
            return False
        return self.ceiling is None or all(window.seconds <= self.ceiling for window in self.windows)

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
        if self.windows[-1].first_good is None:
            return text + "; no good reply came after the last."
        if self.ceiling is not None:
            text += f"; at most {self.ceiling:g} s were allowed"
        return text + "."


def check_outage(samples: Iterable[ProbeSample], *, ceiling: float | None = None, slow: float = 1.0) -> OutageReport:
    """Find the outages in the samples of one probe.

    Args:
        samples: of one probe, in any order.
        ceiling: seconds that no outage may be longer than.
        slow: seconds that a probe must have waited for the next good reply, its own or another's, to make an
            outage although none failed.
    """
    due = sorted(samples, key=lambda sample: sample.scheduled)
    steps = [after.scheduled - before.scheduled for before, after in pairwise(due)]
    counts = {outcome: sum(sample.outcome == outcome for sample in due) for outcome in Outcome}
    resolution = median(steps) if steps else 0.0
    return OutageReport(
        windows=_merge([*_failures(due), *_gaps(due, slow)], 2 * resolution),
        good=counts[Outcome.OK],
        failed=counts[Outcome.FAILED],
        unknown=counts[Outcome.UNKNOWN],
        resolution=resolution,
        ceiling=ceiling,
    )


def _failures(due: list[ProbeSample]) -> list[Window]:
    """A window for each run of probes that were not good, in the order they were due."""
    windows = []
    last_good: float | None = None
    bad: list[ProbeSample] = []
    earliest_after = _earliest_good_from(due)
    for index, sample in enumerate(due):
        if sample.outcome != Outcome.OK:
            bad.append(sample)
            continue
        if bad:
            windows.append(_window(last_good, earliest_after[index], bad))
            bad = []
        last_good = sample.finished if last_good is None else max(last_good, sample.finished)
    if bad:
        windows.append(_window(last_good, None, bad))
    return windows


def _earliest_good_from(due: list[ProbeSample]) -> list[float | None]:
    """For each place, when the first good reply came to a probe due there or later."""
    earliest: list[float | None] = []
    best: float | None = None
    for sample in reversed(due):
        if sample.outcome == Outcome.OK:
            best = sample.finished if best is None else min(best, sample.finished)
        earliest.append(best)
    return earliest[::-1]


def _window(last_good: float | None, first_good: float | None, bad: list[ProbeSample]) -> Window:
    if last_good is not None and first_good is not None:
        # Replies overtake each other; an outage between two of them cannot be shorter than nothing.
        first_good = max(first_good, last_good)
    unknown = sum(sample.outcome == Outcome.UNKNOWN for sample in bad)
    return Window(last_good, first_good, len(bad) - unknown, unknown, bad[0].detail)


def _gaps(due: list[ProbeSample], slow: float) -> list[Window]:
    """A window wherever no good reply came for a long time, though one was due all that time."""
    replies = sorted(sample.finished for sample in due if sample.outcome == Outcome.OK)
    times = [sample.scheduled for sample in due]
    windows = []
    for before, after in pairwise(replies):
        first_due = bisect_right(times, before)
        if first_due < len(times) and after - times[first_due] >= slow:
            windows.append(Window(before, after, 0, 0, "slow replies"))
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
    return float("-inf") if window.last_good is None else window.last_good


def _end(window: Window) -> float:
    return float("inf") if window.first_good is None else window.first_good


def _join(one: Window, other: Window) -> Window:
    end = max(_end(one), _end(other))
    detail = next((window.detail for window in (one, other) if window.failed or window.unknown), one.detail)
    return Window(
        one.last_good,
        None if end == float("inf") else end,
        one.failed + other.failed,
        one.unknown + other.unknown,
        detail,
    )
