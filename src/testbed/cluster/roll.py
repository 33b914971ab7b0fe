"""Every node in turn taken out, restarted and awaited, while people work.

A node whose image has been rebuilt comes back made of the new one; a VM keeps the image that its disk belongs to. An
app node is drained first, an active balancer and a serving database hand over first. At the first that does not hand
over or come back, the rest stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from testbed.addresses.address_registry import SETTLE_SECONDS
from testbed.cluster import lifecycle
from testbed.cluster.cluster import Cluster
from testbed.cluster.health import missing_applications
from testbed.cluster.pool_changes import must_leave_one, pools_of
from testbed.errors import TestbedError, UsageError
from testbed.machines import Machine, Power
from testbed.machines.container import ContainerMachine
from testbed.machines.machine import off_reason
from testbed.progress import Progress
from testbed.roles import pool_member
from testbed.topology import Role
from testbed.wait import WaitTimeout, elapse, wait_until

ROLES = (Role.APP, Role.BALANCER, Role.DATABASE)
HEALTHY_AGAIN_SECONDS = 10.0
BACK_SECONDS = 180.0
HAND_OVER_SECONDS = 45.0
# A user who writes a message asks nothing meanwhile; a longer pause cannot be distinguished from the end of a session.
QUIET_SECONDS = 15.0


def roll(cluster: Cluster, names: Sequence[str], patience: float, progress: Progress) -> None:
    """Restart nodes, one after the other.

    Args:
        cluster: healthy.
        names: which; none: all app nodes, balancers and databases.
        patience: seconds in which the users of a drained app node may leave it.
        progress: shows each step.

    Raises:
        UsageError: an unknown node, or the cluster is not healthy; nothing was done.
        TestbedError: a node did not hand over or come back; those before it are through, those after it untouched.
    """
    chosen = [cluster.machine(name) for name in names]
    for machine in chosen:
        if machine.node.role not in (*ROLES, Role.MAIL):
            raise UsageError(
                f"{machine.name} is not part of the site", fix="roll app nodes, balancers, databases, mail"
            )
    _must_be_healthy(cluster)
    for machine in _in_order(cluster, chosen):
        with progress.step(f"{machine.name}: {_what(machine)}"):
            _one(cluster, machine, patience, progress)


def _must_be_healthy(cluster: Cluster) -> None:
    """A moment's patience: on a busy host replication may just be connecting again, and be healthy a second later."""
    try:
        lifecycle.wait_healthy(cluster, HEALTHY_AGAIN_SECONDS)
    except TestbedError as error:
        fix = "`testbed heal` or `testbed up` repairs it; then roll"
        raise UsageError(f"the cluster is not healthy: {error.what}", fix=fix) from None


def _in_order(cluster: Cluster, chosen: Sequence[Machine]) -> list[Machine]:
    """App nodes, then each pair with its standby first, so that each service moves once."""
    machines = chosen or [each for each in cluster.fleet.machines() if each.node.role in ROLES]
    state = cluster.state(Role.BALANCER, Role.DATABASE)
    serving = (state.active_balancer, state.primary_database)
    order = [*ROLES, Role.MAIL]
    return sorted(machines, key=lambda each: (order.index(each.node.role), each.name in serving, each.name))


def _what(machine: Machine) -> str:
    if not _rebuilt(machine):
        return "restarting"
    if machine.node.keys.machine == "virtual":
        return "restarting, with the image its disk belongs to (`testbed down`, `testbed up` brings the new one)"
    return "replacing, by one of its rebuilt image"


def _rebuilt(machine: Machine) -> bool:
    return isinstance(machine, ContainerMachine) and machine.image_id() != machine.current_image()


def _one(cluster: Cluster, machine: Machine, patience: float, progress: Progress) -> None:
    """Take one node out, restart it, and wait until the cluster is healthy again."""
    try:
        with _out_of_the_way(cluster, machine, patience, progress):
            _restart(cluster, machine)
            # Before users are sent to it again: a container runs long before its applications do.
            wait_until(
                lambda: _answers(cluster, machine), BACK_SECONDS, f"{machine.name} to answer",
                fatal=lambda: off_reason(cluster.machine(machine.name)),  # it may have been recreated
            )  # fmt: skip
        lifecycle.wait_healthy(cluster, BACK_SECONDS)
    except TestbedError as error:
        fix = f"`testbed logs {machine.name}` shows its log; repair it, then `testbed roll` goes on with the others"
        raise TestbedError(f"it could not be rolled: {error.what}", where=machine.name, fix=fix) from None
    if machine.node.role is Role.BALANCER:
        elapse(SETTLE_SECONDS)


def _answers(cluster: Cluster, machine: Machine) -> bool:
    if machine.node.role is not Role.APP:
        return cluster.machine(machine.name).ready()
    [app] = [each for each in cluster.state(Role.APP).apps if each.node == machine.name]
    return app.reachable and not missing_applications(app, cluster.topology)


def _restart(cluster: Cluster, machine: Machine) -> None:
    """Restart a node, and give a recreated balancer the decisions about its pools again."""
    decided = pool_member.decisions(machine) if machine.node.role is Role.BALANCER else ()
    recreated = _rebuilt(machine) and machine.node.keys.machine == "container"
    machine.stop()
    if recreated and isinstance(machine, ContainerMachine):
        machine.recreate()
    cluster.machine(machine.name).start()
    if recreated and decided:
        pool_member.set_decisions(cluster.machine(machine.name), decided)


@contextmanager
def _out_of_the_way(cluster: Cluster, machine: Machine, patience: float, progress: Progress) -> Iterator[None]:
    """Users first: what a node serves is handed over before, and an app node gets users again after."""
    if machine.node.role in (Role.BALANCER, Role.DATABASE):
        _hand_over(cluster, machine)
        yield
    elif machine.node.role is Role.APP:
        with _drained(cluster, machine.name, patience, progress):
            yield
    else:
        yield


def _hand_over(cluster: Cluster, machine: Machine) -> None:
    def serving() -> str | None:
        state = cluster.state(machine.node.role)
        return state.active_balancer if machine.node.role is Role.BALANCER else state.primary_database

    if serving() != machine.name:
        return
    machine.exec(["resign"]).check("it does not step down", machine.name)
    wait_until(
        lambda: serving() not in (None, machine.name), HAND_OVER_SECONDS, f"{machine.name}'s peer to take over",
        fatal=lambda: off_reason(*cluster.fleet.machines(machine.node.role)),
    )  # fmt: skip


@contextmanager
def _drained(cluster: Cluster, node: str, patience: float, progress: Progress) -> Iterator[None]:
    """Drain a node wherever another can take its users; a node that does not come back stays drained."""
    applications = [
        each
        for each in cluster.topology.applications
        if node in cluster.topology.machines_of(each) and _may_go(cluster, each, node, progress)
    ]
    balancers = [each for each in cluster.fleet.machines(Role.BALANCER) if each.power() is Power.ON]

    def set_drained(verb: pool_member.Verb) -> None:
        pool_member.decide_until_boot(balancers, verb, applications, node)

    try:
        set_drained("drain")
        if applications:
            _wait_until_quiet(cluster, node, patience, progress)
    except BaseException:
        set_drained("enable")
        raise
    yield
    set_drained("enable")


def _may_go(cluster: Cluster, application: str, node: str, progress: Progress) -> bool:
    try:
        must_leave_one(cluster.state(Role.BALANCER), application, node)
    except UsageError:
        progress.print_line(f"  {node} alone serves {application}, or one of its rules: it is away meanwhile")
        return False
    return True


def _wait_until_quiet(cluster: Cluster, node: str, patience: float, progress: Progress) -> None:
    """Wait until the node gets no more requests; users who do not leave in time log in again elsewhere."""

    def request_counts() -> tuple[int, int]:
        """Requests that it was given, and that are under way."""
        state = cluster.state(Role.BALANCER)
        members = [
            members[node]
            for application in cluster.topology.applications
            for _, _, members in pools_of(state, application)
            if node in members
        ]
        return sum(each.elected for each in members), sum(each.busy for each in members)

    seen, since = request_counts(), time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        now = request_counts()
        if now != seen:
            seen, since = now, time.monotonic()
        return not now[1] and time.monotonic() - since >= QUIET_SECONDS

    try:
        wait_until(quiet, patience, f"the users of {node} to leave", interval=1.0)
    except WaitTimeout:
        progress.print_line(f"  {node} still has users after {patience:g} s; they will log in elsewhere")
