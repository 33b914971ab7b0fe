"""A journal in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import isfinite
from statistics import median
from typing import Any, TypeVar, cast

from testbed.journal.events import Event, ProbeSample, RunPlan
from testbed.journal.series import CODES, Series

E = TypeVar("E", bound=Event)
# With the line's kind and its two stamps.
_PROBE_FIELDS = len(fields(ProbeSample)) + 3


@dataclass(frozen=True, slots=True)
class Opening:
    """The header line that each writer begins with.

    Args:
        source: who wrote.
        pid: its process, in its own container.
        attrs: what it said of itself.
        wall, mono: when it began.
    """

    source: str
    pid: int
    attrs: dict[str, str]
    wall: float
    mono: float


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as read.

    Args:
        openings: the headers, in the file's order.
        probes: each probe's samples, in the order in which they were due.
        events: all other events by their kind, in the file's order.
        wall_offset: seconds to add to a monotonic time to get Unix time.
        truncated: lines cut off because a writer died in the middle of them; they are left out.
        damage: what is wrong with the file, and up to where it was read; empty if nothing is.
    """

    openings: tuple[Opening, ...]
    probes: Mapping[str, Series]
    events: Mapping[type[Any], Sequence[Event]]
    wall_offset: float = 0.0
    truncated: int = 0
    damage: str = ""

    def of(self, kind: type[E]) -> list[E]:
        """All events of one kind: the file's order, samples of probes by the probe and when they were due."""
        if kind is ProbeSample:
            return cast("list[E]", [sample for series in self.probes.values() for sample in series])
        return cast("list[E]", list(self.events.get(kind, ())))

    @property
    def plan(self) -> RunPlan | None:
        """What the run was to do; None if the journal does not say."""
        plans = self.events.get(RunPlan, ())
        return cast("RunPlan", plans[0]) if plans else None


@dataclass
class JournalBuilder:
    """A journal while it is read."""

    openings: list[Opening] = field(default_factory=list)
    _probes: dict[str, Series] = field(default_factory=dict)
    _events: dict[type[Any], list[Event]] = field(default_factory=dict)
    _offsets: list[float] = field(default_factory=list)

    def open(self, opening: Opening) -> None:
        """Take a header up."""
        self.openings.append(opening)
        self._offsets.append(opening.wall - opening.mono)

    def add(self, event: Event) -> None:
        """Take an event up."""
        if isinstance(event, ProbeSample):
            self.series(event.probe).append(
                event.scheduled, event.started, event.finished, CODES[event.outcome], event.detail, event.token,
                event.attrs,
            )  # fmt: skip
        else:
            self._events.setdefault(type(event), []).append(event)

    def add_probe(self, line: Mapping[str, Any]) -> bool:
        """Take up a line of a probe's sample, which most lines are, without making an object of it.

        Returns:
            Whether it was one with all its fields, and nothing else; any other line is for ``add``.
        """
        if line["kind"] != ProbeSample.kind or len(line) != _PROBE_FIELDS:
            return False
        try:
            times = line["scheduled"], line["started"], line["finished"]
            outcome, detail, token, attrs = CODES[line["outcome"]], line["detail"], line["token"], line["attrs"]
            probe = line["probe"]
        except (KeyError, TypeError):
            return False
        if not (type(times[0]) is type(times[1]) is type(times[2]) is float and isfinite(sum(times))):
            return False
        if type(probe) is not str or type(token) is not str or type(attrs) is not dict:
            return False
        self.series(probe).append(*times, outcome, detail, sys.intern(token) if token else "", attrs)
        return True

    def series(self, probe: str) -> Series:
        """A probe's series, a new one if it is new."""
        found = self._probes.get(probe)
        if found is None:
            found = self._probes[probe] = Series(probe)
        return found

    def stamp(self, wall: float, mono: float) -> None:
        """Take up how far the clocks were apart."""
        self._offsets.append(wall - mono)

    def journal(self, truncated: int = 0, damage: str = "") -> Journal:
        """What was taken up so far; nothing more can be added."""
        for series in self._probes.values():
            series.sort()
        # The median, since the wall clock may be set.
        offset = float(median(self._offsets)) if self._offsets else 0.0
        return Journal(tuple(self.openings), self._probes, self._events, offset, truncated, damage)


def build_journal(events: Iterable[Event], openings: Sequence[Opening] = ()) -> Journal:
    """A journal of events that are in memory.

    Args:
        events: in the order in which they were recorded.
        openings: its writers.
    """
    gathering = JournalBuilder()
    for opening in openings:
        gathering.open(opening)
    for event in events:
        gathering.add(event)
    return gathering.journal()
