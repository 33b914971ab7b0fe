"""Reduces the hundred thousand samples of a plot to the points that show the same.

A page has some thousand pixels, and a ten-minute run has a hundred samples for each. Each stretch of time keeps its
slowest and its fastest good sample. Stretches are shorter around faults and outages. No bad sample is dropped:
neighbours of the same outcome are joined and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from testbed.journal import Outcome

COARSE = 2400  # stretches of the whole run
FINE = 2500  # more of them, shared by the windows where something happened
OK, FAILED, UNKNOWN = range(3)
OUTCOMES = (Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some good samples, one after the other.

    Args:
        at: when the slowest was due.
        slowest, fastest: seconds.
        joined: whether nothing but good samples lies between it and the stretch before.
    """

    at: float
    slowest: float
    fastest: float
    joined: bool


@dataclass(frozen=True, slots=True)
class Spell:
    """Neighbouring samples of one outcome that is not good.

    Args:
        outcome: ``Outcome.FAILED`` or ``Outcome.UNKNOWN``.
        first, last: when the first and the last of them were due.
        count: how many.
    """

    outcome: Outcome
    first: float
    last: float
    count: int


@dataclass(frozen=True, slots=True)
class Grid:
    """How long the stretches are, and where they are shorter.

    Args:
        begin: monotonic seconds.
        coarse: seconds of a stretch.
        fine: seconds of a stretch inside ``windows``.
        windows: disjoint, in order of time.
    """

    begin: float
    coarse: float
    fine: float
    windows: tuple[tuple[float, float], ...]

    @classmethod
    def over(cls, begin: float, end: float, windows: Sequence[tuple[float, float]]) -> Grid:
        """A grid from ``begin`` to ``end`` that looks closer at ``windows``."""
        merged: list[tuple[float, float]] = []
        for low, high in sorted((max(low, begin), min(high, end)) for low, high in windows):
            if high <= low:
                continue
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        close = sum(high - low for low, high in merged)
        coarse = max(end - begin, 0.001) / COARSE
        return cls(begin, coarse, min(coarse, close / FINE) if close else coarse, tuple(merged))

    def pieces(self) -> list[tuple[float, float, float]]:
        """Begin, end and stretch of each piece, in order; the last goes on for ever."""
        result, at = [], self.begin
        for low, high in self.windows:
            result += [(at, low, self.coarse), (low, high, self.fine)]
            at = high
        return [*result, (at, float("inf"), self.coarse)]


def envelope(due: Sequence[float], latencies: Sequence[float], outcomes: Sequence[int], grid: Grid) -> list[Stretch]:
    """The good samples' stretches, each with its slowest and fastest.

    Args:
        due: when each sample was due, in order.
        latencies: seconds of each.
        outcomes: 0 ok, 1 failed, 2 unknown.
        grid: how long the stretches are.
    """
    stretches: list[Stretch] = []
    pieces = iter(grid.pieces())
    low, high, width = next(pieces)
    bound = -1e300  # where the present stretch ends
    at = slowest = fastest = 0.0
    joined = open_ = False
    for when, latency, outcome in zip(due, latencies, outcomes, strict=True):
        if outcome:
            if open_:
                stretches.append(Stretch(at, slowest, fastest, joined))
            open_, joined, bound = False, False, -1e300
            continue
        if when < bound:
            if latency > slowest:
                at, slowest = when, latency
            elif latency < fastest:
                fastest = latency
            continue
        if open_:
            stretches.append(Stretch(at, slowest, fastest, joined))
            joined = True
        while when >= high:
            low, high, width = next(pieces)
        bound = min(high, low + (int((when - low) / width) + 1) * width) if width else when
        at, slowest, fastest, open_ = when, latency, latency, True
    if open_:
        stretches.append(Stretch(at, slowest, fastest, joined))
    return stretches


def spells(due: Sequence[float], outcomes: Sequence[int], nearer: float = 0.0) -> list[Spell]:
    """The samples that are not good: neighbours of the same outcome joined, all of them counted.

    Args:
        due: when each sample was due, in order.
        outcomes: 0 ok, 1 failed, 2 unknown.
        nearer: join also spells of the same outcome that are not further apart than so many seconds, though good
            samples lie between: no page could show them apart.
    """
    found: list[Spell] = []
    latest: dict[int, int] = {}  # outcome to the place of its last spell in ``found``
    before = OK
    for when, outcome in zip(due, outcomes, strict=True):
        if outcome:
            place = latest.get(outcome, -1)
            if place >= 0 and (before == outcome or when - found[place].last <= nearer):
                spell = found[place]
                found[place] = Spell(spell.outcome, spell.first, when, spell.count + 1)
            else:
                latest[outcome] = len(found)
                found.append(Spell(OUTCOMES[outcome], when, when, 1))
        before = outcome
    return found
