"""Finding the times in which a probe had no good answer.

An outage shows in two ways: probes fail, or good replies take long. A write that is blocked for three seconds and then
commits was an outage of three seconds for the user who waited.

Probes that failed, due one after the other, make an outage from the last good reply that had come when the first of
them was due, to the first good reply to a probe that was due after the last of them. Replies that were asked for
before and came later, together with the first good ones after it, do not shorten it. So it is never shorter than the
time between the first and the last probe that failed, nor than the time without any good reply around the first of
them; and it is longer than the service was away by no more than two intervals and a reply's usual latency.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

from testbed.checks.standstills import Standstill, describe_prober, parts_outside
from testbed.journal import Series
from testbed.journal.series import OK, UNKNOWN


@dataclass(frozen=True, slots=True)
class Window:
    """One outage.

    Args:
        last_good: when the last good reply before it came, None if there was none; never after ``first_bad``.
        first_good: when the first good reply after it came, None if none did; never before ``last_bad``.
        failed, unknown: probes that were due in it and ended so.
        detail: why the first of them was not good.
        first_bad: when the first probe was due that was not answered well, or too late.
        last_bad: when the last such probe was due; of replies that were too late, when the first came.
        stops: when the prober stood still in it: whether the service was away then is unknown.
        begin_is_known: whether a probe failed between its beginning and the first standstill in it.
        end_is_known: whether a probe failed between the last standstill in it and its end.
    """

    last_good: float | None
    first_good: float | None
    failed: int
    unknown: int
    detail: str = ""
    first_bad: float = 0.0
    last_bad: float = 0.0
    stops: tuple[Standstill, ...] = ()
    begin_is_known: bool = True
    end_is_known: bool = True

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

    @property
    def unmeasured(self) -> float:
        """Seconds of it in which the prober stood still."""
        begin, end = self._edges()
        return sum(min(end, stop.end) - max(begin, stop.begin) for stop in self.stops)

    @property
    def is_cut_short(self) -> bool:
        """Whether it lasted when the prober measured for the last time."""
        return self.first_good is None and any(stop.end == inf for stop in self.stops)

    def describe_prober(self) -> str:
        """Return why and how long the prober measured nothing in it."""
        seconds = self.unmeasured
        return f"the prober itself {describe_prober(self.stops)} " + (
            "to the end of the run" if seconds == inf else f"for {seconds:.3f} s of it"
        )

    def longer(self, limit: float, slow: float, resolution: float) -> bool:
        """Whether some time of it without a standstill alone is longer than the limit.

        Args:
            limit: seconds; 0: what can be resolved.
            slow: seconds without a reply that are an outage although no probe failed.
            resolution: seconds between two probes.
        """
        if limit:
            return any(end - begin > limit for begin, end in self._parts())
        failed = parts_outside(self.first_bad, self.last_bad, self.stops) if self.failed or self.unknown else []
        # Two probes that failed one after the other, of which neither was due while the prober stood still.
        return any(end - begin >= 0.9 * resolution for begin, end in failed) or any(
            end - begin >= slow for begin, end in self._parts()
        )

    def _edges(self) -> tuple[float, float]:
        begin = self.first_bad if self.last_good is None else self.last_good
        return begin, inf if self.first_good is None else self.first_good

    def _parts(self) -> list[tuple[float, float]]:
        return parts_outside(*self._edges(), self.stops)


def find_hidden(due: Series, all_due: Series, stops: Sequence[Standstill], slow: float) -> Iterator[Window]:
    """The times around standstills in which an outage may have been that no probe could see.

    Args:
        due: the samples outside standstills.
        all_due: with those that were under way in a standstill.
        stops: of the prober.
        slow: a shorter time counts only if some probe under way in it was not answered well.
    """
    came = sorted(_good(due, 0))
    times: dict[tuple[float | None, float | None], list[Standstill]] = {}
    for stop in stops:
        before, after = bisect_right(came, stop.begin), bisect_left(came, stop.end)
        edges = came[before - 1] if before else None, came[after] if after < len(came) else None
        times.setdefault(edges, []).append(stop)
    for (last_good, first_good), here in times.items():
        begin, end = here[0].begin, here[-1].end
        window = Window(last_good, first_good, 0, 0, f"the prober {describe_prober(here)}", begin, end, tuple(here))
        if window.seconds >= slow or any(
            scheduled < end and begin < finished and outcome != OK
            for scheduled, finished, outcome in zip(all_due.scheduled, all_due.finished, all_due.outcomes, strict=True)
        ):
            yield window


def find_outages(due: Series, first: int, slow: float, apart: float) -> tuple[Window, ...]:
    """The outages that a probe saw, in order of time.

    Args:
        due: its samples.
        first: place of the first that counts.
        slow: seconds that a probe must have waited for a good reply to make an outage although none failed.
        apart: seconds; two outages that are closer than this are one.
    """
    return _merge([*_failures(due, first), *_gaps(due, first, slow)], apart)


def _failures(due: Series, first: int) -> list[Window]:
    """A window for each run of probes that were not good, in the order they were due."""
    windows = []
    bad: list[int] = []
    came = sorted(_good(due, 0))
    earliest_after = _earliest_good_from(due)
    for place in range(first, len(due)):
        if due.outcomes[place] != OK:
            bad.append(place)
        elif bad:
            windows.append(_window(due, came, earliest_after[place], bad))
            bad = []
    if bad:
        windows.append(_window(due, came, inf, bad))
    return windows


def _good(due: Series, first: int) -> Iterator[float]:
    """When good replies came to the probes from a place on."""
    outcomes = zip(due.finished[first:], due.outcomes[first:], strict=True)
    return (finished for finished, outcome in outcomes if outcome == OK)


def _earliest_good_from(due: Series) -> array[float]:
    """For each place, when the first good reply came to a probe due there or later; infinite if none did."""
    earliest = array("d", due.finished)
    best = inf
    for place in range(len(due) - 1, -1, -1):
        if due.outcomes[place] == OK:
            best = min(best, earliest[place])
        earliest[place] = best
    return earliest


def _window(due: Series, came: Sequence[float], first_good: float, bad: list[int]) -> Window:
    before = bisect_right(came, due.scheduled[bad[0]])
    unknown = sum(due.outcomes[place] == UNKNOWN for place in bad)
    return Window(
        came[before - 1] if before else None,
        None if first_good == inf else first_good,
        len(bad) - unknown,
        unknown,
        due.detail(bad[0]),
        due.scheduled[bad[0]],
        due.scheduled[bad[-1]],
    )


def _gaps(due: Series, first: int, slow: float) -> list[Window]:
    """A window wherever no good reply came for a long time, though one was due all that time."""
    windows = []
    for before, after in pairwise(sorted(_good(due, first))):
        if after - before < slow:
            continue
        asked = bisect_right(due.scheduled, before, first)
        if asked < len(due) and after - due.scheduled[asked] >= slow:
            windows.append(Window(before, after, 0, 0, "slow replies", due.scheduled[asked], after))
    return windows


def _merge(windows: list[Window], apart: float) -> tuple[Window, ...]:
    """Join windows that overlap, or are too close to be separate, so that no second is counted twice."""
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


def overlap(window: Window, stops: Sequence[Standstill]) -> bool:
    """Whether one of the standstills lies in a window, at least in part."""
    return any(stop.begin < _end(window) and _begin(window) < stop.end for stop in stops)


def with_standstills(window: Window, stops: Sequence[Standstill], due: Series) -> Window:
    """The window with the standstills that lie in it.

    Args:
        window: an outage.
        stops: of the prober that saw it, in order of time.
        due: its samples outside standstills.
    """
    here = tuple(stop for stop in stops if overlap(window, [stop]))
    if not here:
        return window
    return replace(
        window,
        stops=here,
        begin_is_known=_any_bad(due, _begin(window), here[0].begin),
        end_is_known=_any_bad(due, here[-1].end, _end(window)),
    )


def _any_bad(due: Series, begin: float, end: float) -> bool:
    """Whether a probe that was due between two moments was not answered well."""
    places = range(bisect_left(due.scheduled, begin), bisect_left(due.scheduled, end))
    return any(due.outcomes[place] != OK for place in places)
