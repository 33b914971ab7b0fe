"""Targets of faults: a node's name, or a role and its state at the moment of the fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar

from testbed.designs.design_registry import design_of
from testbed.errors import UsageError
from testbed.machines import Machine, Power
from testbed.roles import BalancerState, DatabaseState, balancer_state
from testbed.topology import Node, Role, Topology

if TYPE_CHECKING:
    from testbed.machines.fleet import Fleet

S = TypeVar("S")

ROLES: Mapping[str, Role] = {
    "lb": Role.BALANCER,
    "app": Role.APP,
    "db": Role.DATABASE,
    "mail": Role.MAIL,
    "single": Role.SINGLE,
}
STATES: Mapping[str, tuple[str, ...]] = {
    "lb": ("active", "standby", "any"),
    "app": ("any",),
    "db": ("primary", "standby", "any"),
    "mail": ("any",),
    "single": ("any",),
}


class NodeStates(Protocol):
    """The states of balancers and databases; a ``ClusterState`` is one."""

    @property
    def balancers(self) -> Sequence[BalancerState]:
        """Return the balancers."""

    @property
    def databases(self) -> Sequence[DatabaseState]:
        """Return the database nodes."""


@dataclass(frozen=True, slots=True)
class FaultTarget:
    """Where a fault strikes.

    Attributes:
        text: the target as the user wrote it.
        nodes: the services that it may strike.
        name: the node's name; empty for a role.
        role: the role's short name; empty for a node.
        state: the state of the role.
    """

    text: str
    nodes: tuple[Node, ...]
    name: str = ""
    role: str = ""
    state: str = ""

    def resolve(self, fleet: Fleet, state: NodeStates | None = None, rng: Random | None = None) -> Machine:
        """Return the node that it means now.

        Args:
            fleet: the nodes.
            state: their roles; by default the nodes of the role are queried now.
            rng: chooses among several: the same seed chooses the same node.

        Raises:
            UsageError: no node, or more than one, is in that state now.
        """
        if self.name:
            return fleet[self.name]
        if self.state == "any":
            return self._choose_running(fleet, rng or Random())  # noqa: S311 - a choice, no secret
        names = _names_in_state(self.role, self.state, fleet, state)
        if len(names) != 1:
            found = f"both {' and '.join(names)} are" if names else "no node is"
            raise UsageError(f"{found} {self.text} now", fix="`testbed status` shows the roles")
        return fleet[names[0]]

    def _choose_running(self, fleet: Fleet, rng: Random) -> Machine:
        machines = [each for each in fleet.machines(ROLES[self.role]) if each.power() is Power.ON]
        if not machines:
            raise UsageError(f"no node that is on is {self.text}", fix="`testbed status` shows the cluster")
        return rng.choice(machines)


def _names_in_state(role: str, wanted: str, fleet: Fleet, state: NodeStates | None) -> list[str]:
    """Return the names of a role's nodes that report the wanted state."""
    if role == "lb":
        site = str(fleet.topology.site.address)
        balancers = state.balancers if state else _query(fleet, Role.BALANCER, lambda m: balancer_state.state(m, site))
        return [each.node for each in balancers if each.reachable and each.holds_address is (wanted == "active")]
    design, virtual = design_of(fleet.topology), str(fleet.topology.database.address)
    databases = state.databases if state else _query(fleet, Role.DATABASE, lambda m: design.query(m, virtual))
    return [each.node for each in databases if each.reachable and each.role == wanted]


def _query(fleet: Fleet, role: Role, question: Callable[[Machine], S]) -> list[S]:
    return [question(machine) for machine in fleet.machines(role)]


def parse_target(text: str, topology: Topology, scale: Mapping[str, int] | None = None) -> FaultTarget:
    """Read a target; needs no running cluster.

    Args:
        text: a node (``db1``, ``app-2``) or a role and its state (``db:primary``, ``app:any``).
        topology: the cluster's services.
        scale: number of nodes of each scaled service that differs from the topology's; None: unknown, any number is
        valid.

    Raises:
        UsageError: the cluster cannot have such a node.
    """
    if ":" in text:
        return _by_role(text, topology)
    service, _, number = text.rpartition("-")
    if (node := topology.nodes.get(text)) and not node.scalable:
        return FaultTarget(text, (node,), name=text)
    if (node := topology.nodes.get(service)) and node.scalable and re.fullmatch(r"[1-9][0-9]{0,5}", number):
        count = None if scale is None else scale.get(service, node.scale)
        if count is None or int(number) <= count:
            return FaultTarget(text, (node,), name=text)
    raise UsageError(f"no node {text!r}", fix=f"the nodes are {', '.join(_names(topology, scale or {}))}")


def _by_role(text: str, topology: Topology) -> FaultTarget:
    role, _, state = text.partition(":")
    if role not in ROLES:
        raise UsageError(f"{text!r}: no role {role!r}", fix=f"the roles are {', '.join(ROLES)}")
    if state not in STATES[role]:
        known = ", ".join(f"{role}:{each}" for each in STATES[role])
        raise UsageError(f"{text!r}: {role} has no state {state!r}", fix=f"write {known}")
    return FaultTarget(text, tuple(topology.of_role(ROLES[role])), role=role, state=state)


def _names(topology: Topology, scale: Mapping[str, int]) -> list[str]:
    names: list[str] = []
    for name, node in sorted(topology.nodes.items()):
        count = scale.get(name, node.scale)
        names += [f"{name}-{number}" for number in range(1, count + 1)] if node.scalable else [name]
    return names
