"""Why sessions may leave an app node: what the journal tells of faults, power and the balancers' members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from testbed.checks.moments import Fault
from testbed.checks.states import Span
from testbed.journal import Aspect

# Seconds after which a node that is healed, switched on or reset surely serves again.
RETURN = 10.0


@dataclass(frozen=True, slots=True)
class Absence:
    """An app node could not be reached, or not surely: it was dead, frozen, cut off, or given up by a balancer.

    Args:
        node: which one.
        begins, ends: since when and until when, in monotonic seconds.
        why: in a few words.
    """

    node: str
    begins: float
    ends: float = inf
    why: str = ""

    def overlaps(self, begin: float, end: float) -> bool:
        """Whether some of it lies between two moments."""
        return self.begins <= end and begin <= self.ends


def absences(
    nodes: Iterable[str], known: Iterable[Fault], lines: Mapping[tuple[str, str], list[Span]]
) -> list[Absence]:
    """When the app nodes could not be reached, or not surely; faults first, then power, then members in error.

    Args:
        nodes: the app nodes.
        known: the run's faults.
        lines: the states of all nodes.
    """
    names = set(nodes)
    found = [
        Absence(fault.node, fault.begins, _back(fault.healed), f"{fault.name} on {fault.node}")
        for fault in known
        if fault.node in names
    ]
    found += [
        Absence(node, span.start - span.error, _back(span.end), f"{node} is {span.value}")
        for (node, aspect), spans in lines.items()
        if aspect == Aspect.POWER and node in names
        for span in spans
        if span.value != "on"
    ]
    found += [
        Absence(member, span.start - span.error, span.end + span.end_error, f"{balancer} says {member} is {span.value}")
        for (balancer, aspect), spans in lines.items()
        if (member := aspect.removeprefix(f"{Aspect.MEMBER}:")) in names
        for span in spans
        if span.value != "ok"
    ]
    return found


def _back(at: float | None) -> float:
    return inf if at is None else at + RETURN
