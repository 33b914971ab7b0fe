"""Nodes whose power was cut and is back take part again by themselves. The test only reads their state."""

from __future__ import annotations

import time

from echo import Echo
from testbed.cluster import Cluster, lifecycle
from testbed.machines import Machine
from testbed.topology import Role
from testbed.wait import wait_until
from visiting import visitors, visits

TAKE_OVER_SECONDS = 60.0
BACK_SECONDS = 150.0


def test_an_app_node_is_in_the_pool_again(cluster: Cluster) -> None:
    """By the requests of its users: Apache tries a member that failed again when its time is over and one comes."""
    balancer = cluster.machine(str(cluster.state().active_balancer))
    node = cluster.machine("app-1")
    node.kill()
    # Only a request that waits in vain shows the loss. Its visitor goes on to the other node, and gets its cookie.
    assert {each.node for each in visits(balancer, 4)} == {"app-2"}
    assert [(each.node, each.routes) for each in visits(balancer, 1, "app-1")] == [("app-2", ("app-2",))]
    node.start()
    wait_until(lambda: visitors(balancer, 2)["app-1"], BACK_SECONDS, "app-1 to get new visitors")
    [visit] = visits(balancer, 1, "app-1")
    assert (visit.node, visit.routes) == ("app-1", ())


def test_a_balancer_and_a_database_come_back_as_standbys(cluster: Cluster, echo: Echo) -> None:
    state = cluster.state()
    lost = [cluster.machine(str(name)) for name in (state.active_balancer, state.primary_database)]
    kept = [peer(cluster, each) for each in lost]
    for each in lost:
        each.kill()
    wait_until(
        lambda: serving(cluster) == kept, TAKE_OVER_SECONDS, "their peers to serve", describe=lambda: serving(cluster)
    )
    begun = time.monotonic()
    for each in lost:
        each.start()
    balancer, database = lost
    wait_until(
        lambda: both_ready(cluster, balancer, database), BACK_SECONDS, "both to be standbys", describe=cluster.state
    )
    echo(
        f"{balancer.name} and {database.name} are standbys {time.monotonic() - begun:.1f} s after their power came back"
    )
    assert serving(cluster) == kept
    lifecycle.wait_healthy(cluster, 30)


def peer(cluster: Cluster, machine: Machine) -> str:
    [other] = {each.name for each in cluster.fleet.machines(machine.node.role)} - {machine.name}
    return other


def serving(cluster: Cluster) -> list[str | None]:
    state = cluster.state(Role.BALANCER, Role.DATABASE)
    return [state.active_balancer, state.primary_database]


def both_ready(cluster: Cluster, balancer: Machine, database: Machine) -> bool:
    """Whether both are ready to take over: CARP runs, the pool is known, the data are complete."""
    state = cluster.state(Role.BALANCER, Role.DATABASE)
    [front] = [each for each in state.balancers if each.node == balancer.name]
    [back] = [each for each in state.databases if each.node == database.name]
    nodes = {each.name for each in front.members if each.usable}
    return (
        front.carp and front.apache and nodes == set(cluster.topology.app_machines()) and back.carp and back.replicated
    )
