"""When a prober itself stood still: paused, starved of processor time, or collecting garbage.

An open loop starts each probe when it is due. Samples that began late show a standstill of the prober, and so of all
probes in its process: what they report of that time says nothing about the site.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import NamedTuple

from testbed.journal import Journal, Series

# A busy machine was seen to start probes 0.4 s late.
LATE_SECONDS = 0.5
# How long the probes that were started together afterwards may be in each other's way.
RECOVERY_SECONDS = 1.0
# What the probes' program calls itself in its header.
SOURCE = "probes"


class Standstill(NamedTuple):
    """A stretch of time in which a prober measured nothing.

    Args:
        begin, end: monotonic seconds.
    """

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.begin


def standstills(journal: Journal) -> Mapping[str, tuple[Standstill, ...]]:
    """The standstills of each probe's prober.

    Probes of one process stand still together; the header of the process names its probes. A probe that no header
    names is taken to run alone.
    """
    together = [opening.attrs.get("probes", "").split() for opening in journal.openings if opening.source == SOURCE]
    named = {probe for probes in together for probe in probes}
    together += [[probe] for probe in journal.probes if probe not in named]
    found: dict[str, tuple[Standstill, ...]] = {}
    for probes in together:
        here = [journal.probes[probe] for probe in probes if probe in journal.probes]
        stops = find_standstills(here)
        for probe in probes:
            found[probe] = tuple(sorted({*found.get(probe, ()), *stops}))
    return found


def find_standstills(together: Iterable[Series]) -> tuple[Standstill, ...]:
    """The standstills of one prober.

    Args:
        together: the samples of all its probes.
    """
    late = sorted(
        (due, max(started, min(finished, started + RECOVERY_SECONDS)))
        for series in together
        for due, started, finished in zip(series.scheduled, series.started, series.finished, strict=True)
        if started - due > LATE_SECONDS
    )
    stops: list[Standstill] = []
    for begin, end in late:
        if stops and begin <= stops[-1].end:
            stops[-1] = Standstill(stops[-1].begin, max(end, stops[-1].end))
        else:
            stops.append(Standstill(begin, end))
    return tuple(stops)


def samples_outside(series: Series, stops: Sequence[Standstill]) -> Series:
    """The samples that were under way in none of the standstills.

    Args:
        series: of one probe.
        stops: of its prober.
    """
    if not stops:
        return series
    keep = [
        not any(due < stop.end and stop.begin < finished for stop in stops)
        for due, finished in zip(series.scheduled, series.finished, strict=True)
    ]
    return Series.of(compress(series, keep))


def parts_outside(begin: float, end: float, stops: Iterable[Standstill]) -> list[tuple[float, float]]:
    """The parts of a stretch of time that lie in none of the standstills.

    Args:
        begin: of the stretch, monotonic seconds.
        end: of the stretch, monotonic seconds.
        stops: in order of time.
    """
    parts = []
    for stop in stops:
        if stop.end <= begin or end <= stop.begin:
            continue
        if begin < stop.begin:
            parts.append((begin, stop.begin))
        begin = max(begin, stop.end)
    return [*parts, (begin, end)] if begin < end else parts
