"""Draws sequences of faults from a seed: the same seed and number, the same sequence. Pure.

As in Jepsen's nemesis schedules, faults overlap: most strike while an earlier one is in force, on another node.
Targets are drawn by role and state (``db:primary``), so that an incident strikes the same part when it is played again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from random import Random

from testbed import faults
from testbed.errors import UsageError
from testbed.faults.fault_options import OnNetworks
from testbed.hunt.sequence import Steps, ending_step, in_force, inject_step, sleep_step, tidy_steps
from testbed.incidents.incident_model import Step
from testbed.topology import Node, Role, Topology

NAMES = ("first", "second", "third", "fourth")
COUNTS = (2, 2, 2, 3, 3, 4)
# How often each part is struck: what holds data more often than what does not.
TARGETS: Mapping[str, float] = {
    "db:primary": 5, "db:standby": 4, "lb:active": 3, "lb:standby": 1.5, "app:any": 2.5, "mail:any": 0.4,
}  # fmt: skip
ARBITER_WEIGHT = 0.7
SAME_TARGET = 0.3  # factor on the weight of a part that a fault in force has struck already
HEAL_BETWEEN, HEAL_AFTER = 0.4, 0.4
WAIT_BETWEEN = 0.9
SHORT, LONG = (1.0, 8.0), (8.0, 25.0)
LONG_WAITS = 1 / 6
TRIES = 20  # draws of a fault's options after which none is taken to suit

Options = dict[str, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fault that can strike a part of the cluster.

    Attributes:
        fault: the fault's name.
        target: the part.
        node: the node there, or one of several equal ones.
        weight: how often it is drawn among the faults of its target.
        single: whether the target is always the same node.
    """

    fault: str
    target: str
    node: Node
    weight: float
    single: bool


class Generator:
    """Draws sequences for a cluster.

    Args:
        topology: the parts of the cluster, with the faults that each can suffer.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._known = candidates(topology)

    def draw(self, seed: int, number: int) -> Steps:
        """The sequence with this number.

        Args:
            seed: the hunt's.
            number: from 1.
        """
        chance = Random(f"{seed}/{number}")  # noqa: S311 - choices, no secrets
        steps: list[Step] = []
        for name in NAMES[: chance.choice(COUNTS)]:
            if len(in_force(steps)) > 1 and chance.random() < HEAL_BETWEEN:
                steps += [ending_step(chance.choice(in_force(steps))), *_waits(chance)]
            steps += [self._injection(chance, in_force(steps), name), *_waits(chance)]
        while (left := in_force(steps)) and chance.random() < HEAL_AFTER:
            steps += [ending_step(chance.choice(left)), *_waits(chance)]
        return tidy_steps(steps)

    def _injection(self, chance: Random, struck: Sequence[Step], name: str) -> Step:
        open_to = [each for each in self._known if not _excluded(each, struck)]
        targets = list(dict.fromkeys(each.target for each in open_to))
        taken = {step.where for step in struck}
        weights = [TARGETS.get(each, ARBITER_WEIGHT) * (SAME_TARGET if each in taken else 1) for each in targets]
        [target] = chance.choices(targets, weights)
        here = [each for each in open_to if each.target == target]
        [chosen] = chance.choices(here, [each.weight for each in here])
        while True:  # ends: some of the options that are drawn suit every candidate
            options = _options(chance, chosen.fault, target, chosen.node)
            if _suits(chosen.fault, target, options, self._topology):
                return inject_step(chosen.fault, target, options, name)


def candidates(topology: Topology) -> list[Candidate]:
    """Every fault at every part of the cluster that can suffer it."""
    targets = {target: weight for target, weight in TARGETS.items() if _nodes(target, topology)}
    targets |= {node.name: ARBITER_WEIGHT for node in topology.of_role(Role.ARBITER)}
    return [
        Candidate(fault.name, target, nodes[0], fault.hunt_weight, single=_machines(nodes) == 1)
        for target in targets
        for fault in faults.ACTIONS.values()
        if fault.hunt_weight
        if (not fault.hunt_targets or target in fault.hunt_targets) and (nodes := _nodes(target, topology))
        if _can_suffer(fault.name, target, nodes[0], topology)
    ]


def _can_suffer(fault: str, target: str, node: Node, topology: Topology) -> bool:
    """Whether some of the options that are drawn suit the part."""
    chance = Random(0)  # noqa: S311
    return any(_suits(fault, target, _options(chance, fault, target, node), topology) for _ in range(TRIES))


def _excluded(candidate: Candidate, struck: Sequence[Step]) -> bool:
    """Whether a fault would be refused while those are in force that were injected before."""
    here = [step for step in struck if step.where == candidate.target]
    if candidate.single:
        return bool(here)
    # A second fault of the same cable, and a second drain of the same target, is refused. A second power loss strikes
    # the peer after the failover.
    fault = faults.ACTIONS[candidate.fault]
    exclusive = fault.is_exclusive or issubclass(fault.Options, OnNetworks)
    return exclusive and any(step.action == candidate.fault for step in here)


def _waits(chance: Random) -> list[Step]:
    """Some time, or none: log-uniform, because what matters at 1 s does not matter at 8 s."""
    if chance.random() > WAIT_BETWEEN:
        return []
    low, high = LONG if chance.random() < LONG_WAITS else SHORT
    return [sleep_step(exp(chance.uniform(log(low), log(high))))]


def _options(chance: Random, fault: str, target: str, node: Node) -> Options:
    """Draw options for a fault: one of the node's networks where it strikes networks, and what the fault draws."""
    drawn = faults.ACTIONS[fault]
    network = _network(chance, node) if issubclass(drawn.Options, OnNetworks) else {}
    return network | drawn.draw_options(chance, target, node)


def _network(chance: Random, node: Node) -> Options:
    """Return options that choose one of the node's networks, or all."""
    if len(node.addresses) < 2 or chance.random() < 0.25:
        return {}
    return {"network": chance.choice(list(node.addresses))}


def _suits(fault: str, target: str, options: Options, topology: Topology) -> bool:
    try:
        faults.check_fault(fault, target, options, topology)
    except UsageError:
        return False
    return True


def _nodes(target: str, topology: Topology) -> tuple[Node, ...]:
    return faults.parse_target(target, topology).nodes


def _machines(nodes: Sequence[Node]) -> int:
    return sum(node.scale if node.scalable else 1 for node in nodes)
