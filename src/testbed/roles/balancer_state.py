"""A balancer: who holds the site's address, and the pools as its server sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from testbed.addresses.address_registry import holds_address, partakes
from testbed.balancers.balancer_registry import SERVER
from testbed.balancers.pool_member_state import Member
from testbed.machines.machine import Machine
from testbed.node_sections import section
from testbed.roles.node_state import query


@dataclass(frozen=True, slots=True)
class BalancerState:
    """State of one balancer.

    Attributes:
        node: its name.
        reachable: whether its system answered at all; if not, nothing else is known.
        holds_address: whether it has the site's virtual address.
        apache: whether its server runs.
        carp: whether it takes part in the election for the address: one that has resigned does not.
        members: of all its pools.
        out: applications and their nodes that are not to serve, by decision.
    """

    node: str
    reachable: bool
    holds_address: bool = False
    apache: bool = False
    carp: bool = False
    members: tuple[Member, ...] = ()
    out: frozenset[tuple[str, str]] = frozenset()


def state(machine: Machine, virtual_address: str) -> BalancerState:
    """Ask a balancer for its state."""
    sections = query(machine)
    if sections is None:
        return BalancerState(machine.name, reachable=False)
    return parse(machine.name, virtual_address, sections)


def parse(node: str, virtual_address: str, sections: Mapping[str, str]) -> BalancerState:
    """A balancer's state from the sections of ``node-state``, which differ by platform."""
    return BalancerState(
        node,
        reachable=True,
        holds_address=holds_address(virtual_address, sections),
        apache=SERVER.runs(sections),
        carp=partakes(sections),
        members=tuple(SERVER.members(sections)),
        out=frozenset(
            (application, name)
            for application, name, decided, _ in map(str.split, section(sections, "pool-member show").splitlines())
            if decided != "serving"
        ),
    )
