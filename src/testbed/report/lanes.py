"""Who held what, who was what: the states of all nodes as lanes of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf
from types import MappingProxyType

from testbed.checks.states import Span
from testbed.designs.recorded_design import RecordedDesign, Tone
from testbed.journal.events import Aspect
from testbed.report.axis import Axis
from testbed.report.plots import TimeBox, box

Timelines = Mapping[tuple[str, str], Sequence[Span]]

TONES: Mapping[tuple[str, str], Tone] = {
    (Aspect.POSTGRES, "accepting"): Tone.ACTIVE,
    (Aspect.POSTGRES, "stopped"): Tone.IDLE,
    (Aspect.MEMBER, "ok"): Tone.READY,
    (Aspect.MEMBER, "error"): Tone.BROKEN,
    (Aspect.POWER, "on"): Tone.READY,
    (Aspect.POWER, "off"): Tone.BROKEN,
}
ADDRESSES = ((Aspect.SITE_ADDRESS, "site's address"), (Aspect.DATABASE_ADDRESS, "database's address"))


@dataclass(frozen=True, slots=True)
class Lane:
    """One line of states.

    Args:
        name: the part of the node.
        node: of which node.
        boxes: the states.
        description: the states as text.
    """

    name: str
    node: str
    boxes: tuple[TimeBox, ...]
    description: str


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """Lanes that belong together.

    Args:
        title: their common subject.
        lanes: in order.
        note: what there is no lane for.
        conflicts: times in which it had two owners.
    """

    title: str
    lanes: tuple[Lane, ...]
    note: str = ""
    conflicts: tuple[TimeBox, ...] = ()


def groups(timelines: Timelines, axis: Axis, numbers: Mapping[str, int], design: RecordedDesign) -> list[LaneGroup]:
    """All states of a run, in the order in which a request meets them.

    Args:
        timelines: of each node and aspect.
        axis: the page's.
        numbers: each node's number among its kind, which its colour goes by.
        design: what the runs of the database design record.
    """
    found = [_address(timelines, axis, aspect, title, numbers) for aspect, title in ADDRESSES]
    found += [_pool(timelines, axis, node) for node in _nodes(timelines, f"{Aspect.MEMBER}:")]
    found += [_database(timelines, axis, node, design) for node in _nodes(timelines, design.primary[0])]
    return [group for group in [*found, _power(timelines, axis)] if group.lanes or group.note]


def overlaps(owners: Mapping[str, Sequence[tuple[float, float]]]) -> list[tuple[float, float, str, str]]:
    """When two nodes held one thing at once: begin, end, and who.

    Args:
        owners: each node's times, as pairs of begin and end.
    """
    return sorted(
        (max(a, c), min(b, d), one, other)
        for (one, held), (other, also) in combinations(sorted(owners.items()), 2)
        for a, b in held
        for c, d in also
        if max(a, c) < min(b, d)
    )


def _address(timelines: Timelines, axis: Axis, aspect: Aspect, title: str, numbers: Mapping[str, int]) -> LaneGroup:
    lanes = []
    owners: dict[str, list[tuple[float, float]]] = {}
    for node in _nodes(timelines, aspect):
        held = [span for span in timelines[node, aspect] if span.value == "held"]
        if not held:
            continue
        owners[node] = [(span.start, span.end) for span in held]
        boxes = tuple(
            _boxed(axis, span, f"own n{numbers.get(node, 0)}", label=node, of=f"{title}: {node}") for span in held
        )
        lanes.append(Lane("", node, boxes, _format_spans(axis, held, node)))
    conflicts = tuple(
        box(axis, begin, end, "two owners", f"two owners, {one} and {other}, {axis.after(begin)} to {axis.after(end)}")
        for begin, end, one, other in overlaps(owners)
    )
    return LaneGroup(title, tuple(lanes), conflicts=conflicts)


def _pool(timelines: Timelines, axis: Axis, balancer: str) -> LaneGroup:
    lanes = []
    for node, aspect in sorted(timelines):
        if node == balancer and aspect.startswith(f"{Aspect.MEMBER}:"):
            member = aspect.partition(":")[2]
            if "/" in member and len(timelines[node, aspect]) == 1:
                continue  # of another application than the webmail, and nothing happened to it
            lanes.append(_lane(timelines[node, aspect], axis, Aspect.MEMBER, member, balancer))
    return LaneGroup(f"pool of {balancer}", tuple(lanes))


def _database(timelines: Timelines, axis: Axis, node: str, design: RecordedDesign) -> LaneGroup:
    lanes = [
        _lane(timelines[node, aspect], axis, aspect, name, node, design.tones)
        for aspect, name in (*design.lanes, (Aspect.POSTGRES, "PostgreSQL"))
        if (node, aspect) in timelines
    ]
    return LaneGroup(node, tuple(lanes))


def _power(timelines: Timelines, axis: Axis) -> LaneGroup:
    """The power of each node that was not on all the time; the others are named."""
    lanes, steady = [], []
    for node in _nodes(timelines, Aspect.POWER):
        spans = timelines[node, Aspect.POWER]
        if len(spans) == 1 and spans[0].value == "on":
            steady.append(node)
        else:
            lanes.append(_lane(spans, axis, Aspect.POWER, node, node))
    note = f"on throughout: {', '.join(steady)}" if steady else ""
    return LaneGroup("power", tuple(lanes), note)


def _lane(
    spans: Sequence[Span], axis: Axis, aspect: str, name: str, node: str,
    more_tones: Mapping[tuple[str, str], Tone] = MappingProxyType({}),
) -> Lane:  # fmt: skip
    tones = {**TONES, **more_tones}
    boxes = tuple(
        _boxed(
            axis,
            span,
            tones.get((aspect, span.value), Tone.TROUBLE),
            label=span.value,
            of=f"{node}, {name}: {span.value}",
        )
        for span in spans
    )
    return Lane(name, node, boxes, _format_spans(axis, spans))


def _boxed(axis: Axis, span: Span, tone: str, *, label: str, of: str) -> TimeBox:
    title = f"{of}, from {axis.after(span.start)}"
    title += f" to {axis.after(span.end)}" if span.end != inf else " on"
    if span.error >= 0.0005:
        title += f" (known to within {span.error * 1000:.0f} ms)"
    return box(axis, span.start, span.end, label, title, tone)


def _format_spans(axis: Axis, spans: Sequence[Span], value: str = "") -> str:
    return ", ".join(f"{value or span.value} from {axis.after(span.start)} to {axis.after(span.end)}" for span in spans)


def _nodes(timelines: Timelines, aspect: str) -> list[str]:
    return sorted(
        {node for node, each in timelines if each == aspect or (aspect[-1] == ":" and each.startswith(aspect))}
    )
