"""When a prober itself could not measure: paused, starved of processor time, without a network, or ended.

An open loop starts each probe when it is due. Samples that began late show a standstill of the prober, and so of all
probes in its process: what they report of that time says nothing about the site. The same holds for samples that the
prober's own kernel refused because it has no route (ENETUNREACH, connect(2)): the site and its probers share a network,
so a fault of the site leaves the route in place. A prober that ended before the run did measured nothing after its last
sample.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from math import inf
from typing import NamedTuple

from testbed.checks.run_stages import ended_programs
from testbed.journal import Journal, Series
from testbed.journal.series import OK

# A busy machine was seen to start probes 0.4 s late.
LATE_SECONDS = 0.5
# How long the probes that were started together afterwards may be in each other's way.
RECOVERY_SECONDS = 1.0
# What the kernel answers to a prober without a route, in the words of strerror(3).
NO_ROUTE = os.strerror(errno.ENETUNREACH)
# What the probes' program calls itself in its header.
SOURCE = "probes"
STOOD_STILL, NO_NETWORK, ENDED = "stood still", "had no network", "did not run"


class Standstill(NamedTuple):
    """A stretch of time in which a prober measured nothing.

    Args:
        begin, end: monotonic seconds; the end is infinite when the prober measured nothing up to the run's end.
        why: ``STOOD_STILL``, ``NO_NETWORK`` or ``ENDED``; several are joined.
    """

    begin: float
    end: float
    why: str = STOOD_STILL

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
    ended = ended_programs(journal)
    found: dict[str, tuple[Standstill, ...]] = {}
    for probes in together:
        here = [journal.probes[probe] for probe in probes if probe in journal.probes]
        stops = find_standstills(here, ended=not ended.keys().isdisjoint(probes))
        for probe in probes:
            found[probe] = tuple(sorted({*found.get(probe, ()), *stops}))
    return found


def find_standstills(together: Sequence[Series], *, ended: bool = False) -> tuple[Standstill, ...]:
    """The standstills of one prober.

    Args:
        together: the samples of all its probes.
        ended: whether it ended before it was stopped.
    """
    late = sorted(
        (due, max(started, min(finished, started + RECOVERY_SECONDS)))
        for series in together
        for due, started, finished in zip(series.scheduled, series.started, series.finished, strict=True)
        if started - due > LATE_SECONDS
    )
    last = max((finished for series in together for finished in series.finished), default=None)
    after = [Standstill(last, inf, ENDED)] if ended and last is not None else []
    return _merged([*(Standstill(*each) for each in late), *_without_network(together), *after])


def describe_prober(stops: Iterable[Standstill]) -> str:
    """Return why a prober measured nothing in these stretches."""
    return " or ".join(dict.fromkeys(why for stop in stops for why in stop.why.split(" or "))) or STOOD_STILL


def _without_network(together: Sequence[Series]) -> list[Standstill]:
    refused = sorted(
        (series.scheduled[place], series.finished[place])
        for series in together
        for place, outcome in enumerate(series.outcomes)
        if outcome != OK and NO_ROUTE in series.detail(place)
    )
    if not refused:
        return []
    last = max(series.scheduled[-1] for series in together if len(series))
    stops = [Standstill(begin, end + RECOVERY_SECONDS, NO_NETWORK) for begin, end in refused]
    return [stop._replace(end=inf) if last <= stop.end else stop for stop in stops]


def _merged(stops: Iterable[Standstill]) -> tuple[Standstill, ...]:
    merged: list[Standstill] = []
    for stop in sorted(stops):
        if merged and stop.begin <= merged[-1].end:
            end, why = max(stop.end, merged[-1].end), describe_prober([merged[-1], stop])
            merged[-1] = Standstill(merged[-1].begin, end, why)
        else:
            merged.append(stop)
    return tuple(merged)


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
