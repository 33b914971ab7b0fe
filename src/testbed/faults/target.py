"""Targets: a machine by its name, or by its role and what it is doing when the fault strikes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar

from testbed.errors import UsageError
from testbed.machines import Machine, Power
from testbed.roles import BalancerState, DatabaseState, balancer_state, database_state
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


class State(Protocol):
    """What machines said of themselves; a ``ClusterState`` is one."""

    @property
    def balancers(self) -> Sequence[BalancerState]:
        """The balancers."""

    @property
    def databases(self) -> Sequence[DatabaseState]:
        """The database machines."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a fault shall strike.

    Attributes:
        text: as it was asked for.
        nodes: the services it may fall on.
        name: the machine's name, empty when it is asked for by role.
        role: the role's short name, empty when the machine is asked for by name.
        state: what the machine of that role must be doing.
    """

    text: str
    nodes: tuple[Node, ...]
    name: str = ""
    role: str = ""
    state: str = ""

    def resolve(self, fleet: Fleet, state: State | None = None, rng: Random | None = None) -> Machine:
        """Find the machine.

        Args:
            fleet: the machines.
            state: what they are doing; by default those of the role are asked now.
            rng: makes the choice where several will do: the same seed chooses the same one.

        Raises:
            UsageError: there is no such machine at this moment, or more than one.
        """
        if self.name:
            return fleet[self.name]
        if self.state == "any":
            return self._any(fleet, rng or Random())  # noqa: S311 - a choice, no secret
        names = _doing(self.role, self.state, fleet, state)
        if len(names) != 1:
            found = f"both {' and '.join(names)} are" if names else "no machine is"
            raise UsageError(f"{found} {self.text} now", fix="`testbed status` shows who does what")
        return fleet[names[0]]

    def _any(self, fleet: Fleet, rng: Random) -> Machine:
        machines = [each for each in fleet.machines(ROLES[self.role]) if each.power() is Power.ON]
        if not machines:
            raise UsageError(f"no machine that is on is {self.text}", fix="`testbed status` shows the cluster")
        return rng.choice(machines)


def _doing(role: str, wanted: str, fleet: Fleet, state: State | None) -> list[str]:
    """Names of the machines of a role that are in the wanted state, in their own words."""
    if role == "lb":
        site = str(fleet.topology.site.address)
        balancers = state.balancers if state else _ask(fleet, Role.BALANCER, lambda m: balancer_state.state(m, site))
        return [each.node for each in balancers if each.reachable and each.holds_address is (wanted == "active")]
    # DRBD's role, not who serves: a primary whose PostgreSQL has died is still the primary.
    virtual = str(fleet.topology.database.address)
    databases = state.databases if state else _ask(fleet, Role.DATABASE, lambda m: database_state.state(m, virtual))
    word = {"primary": "Primary", "standby": "Secondary"}[wanted]
    return [each.node for each in databases if each.reachable and each.drbd_role == word]


def _ask(fleet: Fleet, role: Role, question: Callable[[Machine], S]) -> list[S]:
    return [question(machine) for machine in fleet.machines(role)]


def parse_target(text: str, topology: Topology, scale: Mapping[str, int] | None = None) -> Target:
    """Read a target; needs no running cluster.

    Args:
        text: a node (``db1``, ``app-2``) or a role and its state (``db:primary``, ``app:any``).
        topology: what nodes there are.
        scale: machines of each scaled service, where they differ from the topology's; None: not known, any number goes.

    Raises:
        UsageError: there can be no such machine.
    """
    if ":" in text:
        return _by_role(text, topology)
    service, _, number = text.rpartition("-")
    if (node := topology.nodes.get(text)) and not node.scalable:
        return Target(text, (node,), name=text)
    if (node := topology.nodes.get(service)) and node.scalable and number.isdigit() and int(number) > 0:
        count = None if scale is None else scale.get(service, node.scale)
        if count is None or int(number) <= count:
            return Target(text, (node,), name=text)
    raise UsageError(f"no node {text!r}", fix=f"the nodes are {', '.join(_names(topology, scale or {}))}")


def _by_role(text: str, topology: Topology) -> Target:
    role, _, state = text.partition(":")
    if role not in ROLES:
        raise UsageError(f"{text!r}: no role {role!r}", fix=f"the roles are {', '.join(ROLES)}")
    if state not in STATES[role]:
        known = ", ".join(f"{role}:{each}" for each in STATES[role])
        raise UsageError(f"{text!r}: {role} knows no state {state!r}", fix=f"write {known}")
    return Target(text, tuple(topology.of_role(ROLES[role])), role=role, state=state)


def _names(topology: Topology, scale: Mapping[str, int]) -> list[str]:
    names: list[str] = []
    for name, node in sorted(topology.nodes.items()):
        count = scale.get(name, node.scale)
        names += [f"{name}-{number}" for number in range(1, count + 1)] if node.scalable else [name]
    return names
