"""The state of all nodes at one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations

from testbed.designs.design_registry import design_of
from testbed.machines import Machine, Power
from testbed.machines.fleet import Fleet
from testbed.roles import (
    AppState,
    ArbiterState,
    BalancerState,
    DatabaseState,
    MailState,
    SingleState,
    app_state,
    balancer_state,
    mail_state,
    single_state,
)
from testbed.topology import Role

RoleState = BalancerState | AppState | DatabaseState | MailState | SingleState | ArbiterState


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The state of every node.

    Attributes:
        power: whether each node is on.
        balancers: the balancers, by name.
        apps: the app nodes, by name.
        databases: the database nodes, by name.
        mail: the mail server.
        single: the single server, where there is one.
        arbiters: the nodes that help the database nodes to decide, where the database design has any.
        missing_networks: the Docker networks that a node that is on is not connected to, by node.
    """

    power: dict[str, Power]
    balancers: tuple[BalancerState, ...]
    apps: tuple[AppState, ...]
    databases: tuple[DatabaseState, ...]
    mail: tuple[MailState, ...]
    single: tuple[SingleState, ...] = ()
    arbiters: tuple[ArbiterState, ...] = ()
    missing_networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[RoleState, ...]:
        """All answers."""
        return (*self.balancers, *self.apps, *self.databases, *self.mail, *self.single, *self.arbiters)

    @property
    def active_balancer(self) -> str | None:
        """The balancer that alone holds the site's address."""
        return _only([each.node for each in self.balancers if each.holds_address])

    @property
    def primary_database(self) -> str | None:
        """The database node that alone serves."""
        return _only([each.node for each in self.databases if each.serving])

    @property
    def split_brain(self) -> bool:
        """Whether two database nodes have data of their own, and replication does not choose between them."""
        return any(one.is_split_from(other) for one, other in combinations(self.databases, 2))


def observe(fleet: Fleet, *roles: Role) -> ClusterState:
    """Ask all nodes at once, or those of some roles: an emulated guest takes seconds to answer on a busy host."""
    machines = [each for each in fleet.machines() if not roles or each.node.role in roles]
    # VMs first: their answers take longest.
    order = sorted(machines, key=lambda machine: machine.node.keys.machine != "virtual")
    with ThreadPoolExecutor(max_workers=max(1, len(machines))) as pool:
        futures = {machine.name: pool.submit(_look, fleet, machine) for machine in order}
        found = {machine.name: futures[machine.name].result() for machine in machines}
    power = {name: each for name, (each, _) in found.items()}
    missing = {each.name: each.missing_networks() for each in machines if power[each.name] is not Power.OFF}
    states = [state for _, state in found.values()]
    return ClusterState(
        power=power,
        balancers=tuple(each for each in states if isinstance(each, BalancerState)),
        apps=tuple(each for each in states if isinstance(each, AppState)),
        databases=tuple(each for each in states if isinstance(each, DatabaseState)),
        mail=tuple(each for each in states if isinstance(each, MailState)),
        single=tuple(each for each in states if isinstance(each, SingleState)),
        arbiters=tuple(each for each in states if isinstance(each, ArbiterState)),
        missing_networks={name: networks for name, networks in missing.items() if networks},
    )


def _look(fleet: Fleet, machine: Machine) -> tuple[Power, RoleState | None]:
    """Return whether a node is on, and its state."""
    return machine.listed_power(), _query(fleet, machine)


def _query(fleet: Fleet, machine: Machine) -> RoleState | None:
    match machine.node.role:
        case Role.BALANCER:
            return balancer_state.state(machine, str(fleet.topology.site.address))
        case Role.DATABASE:
            database: DatabaseState = design_of(fleet.topology).query(machine, str(fleet.topology.database.address))
            return database
        case Role.ARBITER:
            return design_of(fleet.topology).query_arbiter(machine)
        case role:
            return _PLAIN[role](machine) if role in _PLAIN else None


_PLAIN: Mapping[Role, Callable[[Machine], RoleState]] = {
    Role.APP: app_state.state,
    Role.MAIL: mail_state.state,
    Role.SINGLE: single_state.state,
}


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None
