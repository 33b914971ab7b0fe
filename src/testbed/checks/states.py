"""What state each part of each node was in, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from testbed.journal import Aspect, Journal, StateChange

# A node that goes off or is reset takes all its states with it.
GONE = ("off", "reset")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a node was in one state.

    Args:
        start: when it came into it, or was found in it.
        end: when it left it; infinite if the journal does not say.
        value: the state.
        error: seconds by which ``start`` may be wrong.
        source: which reported its start.
        end_error: seconds by which ``end`` may be wrong.
    """

    start: float
    end: float
    value: str
    error: float = 0.0
    source: str = ""
    end_error: float = 0.0

    def at(self, moment: float) -> bool:
        """Whether the moment lies in it."""
        return self.start <= moment < self.end


Timelines = Mapping[tuple[str, str], list[Span]]


def timelines(journal: Journal) -> dict[tuple[str, str], list[Span]]:
    """The states of each node's parts in order of time, by node and aspect.

    A node that is off has no state but its power: all its states end there. A state that is reported while the node
    is off came late, and is left out. A reset is an instant; the node is on afterwards.
    """
    changes: dict[str, list[StateChange]] = defaultdict(list)
    for change in journal.of(StateChange):
        changes[change.node].append(change)
    found: dict[tuple[str, str], list[Span]] = {}
    for node, of_node in changes.items():
        # At the same moment, power comes last: it ends the states that were reported before.
        in_order = sorted(of_node, key=lambda change: (change.at, change.aspect == Aspect.POWER))
        found |= {(node, aspect): spans for aspect, spans in _spans(in_order).items()}
    return found


def spans_with_value(lines: Timelines, aspect: str, value: str) -> dict[str, list[Span]]:
    """The spans in which a part had a value, by node."""
    return {
        node: matching
        for (node, part), spans in lines.items()
        if part == aspect and (matching := [span for span in spans if span.value == value])
    }


def value_at(lines: Timelines, node: str, aspect: str, moment: float) -> str | None:
    """The state of a part at a moment; None if it is not known."""
    return next((span.value for span in lines.get((node, aspect), ()) if span.at(moment)), None)


def subtract_spans(spans: Iterable[Span], gaps: Sequence[Span]) -> list[Span]:
    """Spans less the times of the gaps; an edge that a gap makes is as uncertain as the gap's."""
    left = list(spans)
    for gap in gaps:
        parts: list[Span] = []
        for span in left:
            if gap.end <= span.start or span.end <= gap.start:
                parts.append(span)
                continue
            if span.start < gap.start:
                parts.append(replace(span, end=gap.start, end_error=gap.error))
            if gap.end < span.end:
                parts.append(replace(span, start=gap.end, error=gap.end_error))
        left = parts
    return left


def _spans(changes: Iterable[StateChange]) -> dict[str, list[Span]]:
    """One node's spans by aspect."""
    spans: dict[str, list[Span]] = defaultdict(list)
    off = False
    for change in changes:
        if change.aspect == Aspect.POWER:
            off = change.value == "off"
            if change.value in GONE:
                _close_all(spans, change)
            if change.value == "reset":
                spans[change.aspect].append(Span(change.at, change.at, "reset", change.error, change.source))
                change = replace(change, value="on")  # noqa: PLW2901 - what it is afterwards
        elif off:
            continue
        _enter(spans[change.aspect], change)
    return spans


def _enter(line: list[Span], change: StateChange) -> None:
    if line and line[-1].end == inf:
        if line[-1].value == change.value:
            return
        _close(line, change)
    line.append(Span(change.at, inf, change.value, change.error, change.source))


def _close_all(spans: Mapping[str, list[Span]], change: StateChange) -> None:
    for line in spans.values():
        if line and line[-1].end == inf:
            _close(line, change)


def _close(line: list[Span], change: StateChange) -> None:
    line[-1] = replace(line[-1], end=change.at, end_error=change.error)
