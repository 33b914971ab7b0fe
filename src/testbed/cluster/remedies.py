"""What can be done for a cluster that does not become healthy by itself, from the mildest remedy to a power cycle.

``next_remedy`` is pure: it reads the nodes' states and returns one remedy for one node. None of them discards
data: the database design decides which copy is newer, and where it does not, no remedy is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

from testbed.cluster.cluster import Cluster
from testbed.cluster.state import ClusterState
from testbed.designs.database_design import DatabaseDesign
from testbed.designs.remedy import BOOT_SECONDS, COLD_START, CONNECT_NETWORKS, RESTART, Remedy
from testbed.errors import TestbedError
from testbed.machines import Machine
from testbed.machines.machine import off_reason
from testbed.topology import Role
from testbed.wait import FinalError, WaitTimeout, wait_until

SCRIPT_SECONDS = 60.0


def next_remedy(
    design: DatabaseDesign[Any], state: ClusterState, complaints: Collection[str], taken: Collection[Remedy]
) -> Remedy | None:
    """Choose what to do next; each remedy is taken once for a node.

    Args:
        design: the database's.
        state: of all nodes.
        complaints: what is wrong, as ``health.complaints`` returns it.
        taken: the remedies so far.

    Returns:
        None when everything was tried.
    """
    return next((each for each in _remedies(design, state, complaints) if each not in taken), None)


def _remedies(design: DatabaseDesign[Any], state: ClusterState, complaints: Collection[str]) -> Iterator[Remedy]:
    # Nothing else helps a node that someone disconnected, and its peers fail because of it.
    yield from (Remedy(name, CONNECT_NETWORKS) for name in state.missing_networks)
    named = _subjects(state, complaints)
    databases = {each.node for each in state.databases}
    database = bool(databases & set(named)) or any("database" in text for text in complaints)
    if database:
        yield from design.mild_remedies(state.databases)
    yield from design.arbiter_remedies(state.databases, state.arbiters)
    cycles = list(design.power_cycles(state.databases)) if database else []
    restarts = list(_for_containers(state, complaints, [name for name in named if name not in databases]))
    # A guest that does not answer has hung, and no mild remedy reaches it.
    answering = all(each.reachable for each in state.databases)
    yield from (*restarts, *cycles) if answering else (*cycles, *restarts)


def _subjects(state: ClusterState, complaints: Collection[str]) -> list[str]:
    """The nodes that are complained of, and app nodes that no balancer can use."""
    first = [text.partition(" ")[0].rstrip(":") for text in complaints]
    unusable: dict[str, set[str]] = {}
    for balancer, text in zip(first, complaints, strict=True):
        if " not usable in the pool" in text:
            for node in text.partition(": ")[2].partition(" not usable")[0].split(", "):
                unusable.setdefault(node, set()).add(balancer)
    lost = [node for node, balancers in unusable.items() if len(balancers) == len(state.balancers)]
    return [name for name in dict.fromkeys([*lost, *first]) if name in state.power]


def _for_containers(state: ClusterState, complaints: Collection[str], named: Sequence[str]) -> Iterator[Remedy]:
    """Restart containers that are complained of: balancers after the others, of two balancers the standby first."""
    if any("site's address" in text for text in complaints):
        named = [*named, *(each.node for each in state.balancers)]
    active = [each.node for each in state.balancers if each.holds_address]
    balancers = {each.node for each in state.balancers}
    order = sorted(dict.fromkeys(named), key=lambda name: (name in balancers, name in active, name))
    yield from (Remedy(name, RESTART) for name in order)


def apply(cluster: Cluster, remedy: Remedy) -> None:
    """Take a remedy; a command that fails or is not answered counts as one that did not help.

    Raises:
        TestbedError: a node cannot be started.
    """
    machine = cluster.machine(remedy.node)
    if remedy.action.script:
        with suppress(TestbedError):
            machine.exec(["sh", "-c", remedy.action.script], timeout=SCRIPT_SECONDS)
    elif remedy.action == COLD_START:
        _cold_start(cluster, machine)
    else:
        machine.kill()
        if remedy.action == CONNECT_NETWORKS:
            machine.connect_networks()
        machine.start()


def _cold_start(cluster: Cluster, first: Machine) -> None:
    """Switch all database nodes off, and on again one after the other."""
    machines = cluster.fleet.machines(Role.DATABASE)
    for machine in machines:
        machine.kill()
    first.start()
    with suppress(WaitTimeout, FinalError):  # the others may have what it lacks
        wait_until(
            lambda: cluster.state(Role.DATABASE).primary_database == first.name, BOOT_SECONDS,
            f"{first.name} to serve", interval=1.0, fatal=lambda: off_reason(first),
        )  # fmt: skip
    for machine in machines:
        if machine.name != first.name:
            machine.start()
