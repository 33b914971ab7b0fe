"""Why sessions may leave an app node: faults, power and the balancers' members, as the journal has them.

A fault that only disturbs a node, such as a loss of 1 %, does not explain a move. A move counts as caused when a
balancer was seen to give the node up.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from testbed.checks.injected_faults import InjectedFault
from testbed.checks.states import Span
from testbed.faults.fault_registry import recorded_action
from testbed.journal import Aspect, Outcome, RequestSample

# Seconds after which a node that is healed, switched on or reset surely serves again; it may be seen to earlier.
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
    nodes: Iterable[str],
    known: Iterable[InjectedFault],
    lines: Mapping[tuple[str, str], list[Span]],
    requests: Iterable[RequestSample] = (),
) -> list[Absence]:
    """When the app nodes could not be reached, or not surely; faults first, then power, then members in error.

    Args:
        nodes: the app nodes.
        known: the run's faults.
        lines: the states of all nodes.
        requests: a node that answers one that was sent after its return serves again.
    """
    names = set(nodes)
    served: dict[str, list[float]] = {name: [] for name in names}
    for request in requests:
        if request.app in names and request.outcome is Outcome.OK:
            served[request.app].append(request.started)
    for times in served.values():
        times.sort()
    found = [
        Absence(fault.node, fault.begins, _back(fault.healed, served[fault.node]), f"{fault.name} on {fault.node}")
        for fault in known
        if fault.node in names and _takes_away(fault)
    ]
    found += [
        Absence(node, span.start - span.error, _back(span.end, served[node]), f"{node} is {span.value}")
        for (node, aspect), spans in lines.items()
        if aspect == Aspect.POWER and node in names
        for span in spans
        if span.value != "on"
    ]
    found += [
        Absence(
            member, span.start - span.error, span.end + span.end_error, f"{balancer} reports {member} as {span.value}"
        )
        for (balancer, aspect), spans in lines.items()
        if (member := aspect.removeprefix(f"{Aspect.MEMBER}:")) in names
        for span in spans
        if span.value != "ok"
    ]
    return found


def _takes_away(fault: InjectedFault) -> bool:
    """Whether a node surely does not serve while the fault is in force."""
    action = recorded_action(fault.name)
    return action is not None and action.moves_sessions(dict(fault.options))


def _back(at: float | None, served: Sequence[float]) -> float:
    """When a node serves again that came back at a moment: when it was seen to, or at last after ``RETURN``."""
    if at is None or at == inf:
        return inf
    place = bisect_left(served, at)
    return min([at + RETURN, *served[place : place + 1]])
