"""The pool: what is decided about an application's nodes, on both balancers or on neither, and what they have done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testbed.balancers.balancer_registry import SERVER
from testbed.cluster.cluster import Cluster
from testbed.cluster.state import ClusterState
from testbed.errors import TestbedError, UsageError
from testbed.machines import Machine, Power
from testbed.roles import BalancerState, Member, pool_member
from testbed.topology import Role, Topology

TAKEN_OUT = "removed"


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A member of a pool, as one balancer has it.

    Attributes:
        balancer: which.
        pool: an application's, or one that a rule of dispatch uses.
        node: the app node.
        state: as the balancer's server names it; ``removed`` when it was taken out; ``-`` when the balancer does not
            answer.
        weight: its share of new sessions.
        elected: requests it was chosen for since the server was started or reloaded.
        busy: requests it is answering.
        sent: bytes it was sent.
        received: bytes that came from it.
        retries: how often it was tried again since it failed.
        sessions: sessions that lie on the node, of whatever application; None when it does not answer.
    """

    balancer: str
    pool: str
    node: str
    state: str
    weight: float = 1.0
    elected: int = 0
    busy: int = 0
    sent: int = 0
    received: int = 0
    retries: int = 0
    sessions: int | None = None


def overview(cluster: Cluster) -> list[PoolRow]:
    """Every member of every pool on every balancer, and those that were taken out."""
    state = cluster.state()
    sessions = {each.node: each.sessions for each in state.apps if each.reachable}
    rows = []
    for balancer in state.balancers:
        if not balancer.reachable:
            rows.append(PoolRow(balancer.node, "-", "-", "-"))
            continue
        rows += [_row(balancer.node, each, sessions.get(each.name)) for each in balancer.members]
        for line in pool_member.decisions(cluster.machine(balancer.node)):
            application, node, decided, weight = line.split()
            if decided == TAKEN_OUT:
                rows.append(
                    PoolRow(balancer.node, application, node, TAKEN_OUT, float(weight), sessions=sessions.get(node))
                )
    return sorted(rows, key=lambda row: (row.pool, row.node, row.balancer))


def _row(balancer: str, member: Member, sessions: int | None) -> PoolRow:
    return PoolRow(
        balancer, member.pool, member.name, member.status, member.weight,
        member.elected, member.busy, member.sent, member.received, member.retries, sessions,
    )  # fmt: skip


def change(cluster: Cluster, verb: str, application: str, node: str, weight: int = 0) -> None:
    """Decide about a member, on both balancers.

    Args:
        cluster: it must be up.
        verb: ``drain``, ``disable``, ``enable``, ``add``, ``remove`` or ``weight``.
        application: which.
        node: the app node.
        weight: its share of new sessions, for ``weight``.

    Raises:
        UsageError: an unknown application or node, a member that is not there, or no node would be left; nothing was
            changed.
        TestbedError: a balancer is off, or does not do it; what the other had done already is taken back.
    """
    topology = cluster.topology
    _must_run_there(topology, application, node)
    if verb == "weight" and not pool_member.LEAST_WEIGHT <= weight <= pool_member.MOST_WEIGHT:
        raise UsageError(
            f"{weight} is not a weight",
            fix=f"use an integer from {pool_member.LEAST_WEIGHT} to {pool_member.MOST_WEIGHT}",
        )
    balancers = cluster.fleet.machines(Role.BALANCER)
    for each in balancers:
        if each.power() is not Power.ON:
            raise TestbedError(
                f"it is {each.power().value}: the change would reach the other balancer only; nothing was changed",
                where=each.name,
                fix="`testbed up` or `testbed heal` brings it back",
            )
    state = cluster.state()
    for balancer in state.balancers:
        if not balancer.members:
            raise TestbedError(
                f"its {SERVER.title} does not show its pools; nothing was changed", where=balancer.node,
                fix="`testbed status` shows more",
            )  # fmt: skip
    chosen = _balancers_to_change(state, verb, application, node)
    if verb in ("drain", "disable", "remove"):
        must_leave_one(state, application, node)
    _on_all([each for each in balancers if each.name in chosen], verb, application, node, weight)
    drained = any(each.fault == "drain" and each.node == node for each in cluster.ledger.entries())
    if verb in ("add", "enable") and not drained:
        # A roll that was cut off leaves a node drained until the balancer's next start.
        pool_member.decide_until_boot(balancers, "enable", [application], node)


def must_leave_one(state: ClusterState, application: str, node: str) -> None:
    """See that a node may go.

    Args:
        state: of the cluster.
        application: which.
        node: the app node that is to get no more sessions.

    Raises:
        UsageError: no node would be left to take new sessions.
    """
    for balancer, name, members in pools_of(state, application):
        if node in members and not any(each.usable for other, each in members.items() if other != node):
            of = application if name == application else f"{application} for the rule {name.partition('.')[2]!r}"
            raise UsageError(
                f"{node} is the last node that takes new sessions of {of}", where=balancer,
                fix=f"first `testbed pool enable {application} NODE` another; `testbed pool list` shows them",
            )  # fmt: skip


def must_serve(cluster: Cluster) -> None:
    """See that decisions leave each application someone among the nodes that there are to be.

    Args:
        cluster: its topology has the number of nodes.

    Raises:
        UsageError: all nodes of an application are out of its pool.
    """
    for balancer in cluster.state().balancers:
        for application in cluster.topology.applications:
            nodes = cluster.topology.machines_of(application)
            if nodes and all((application, node) in balancer.out for node in nodes):
                raise UsageError(
                    f"all nodes of {application} that would be left are taken out of its pool", where=balancer.node,
                    fix=f"first `testbed pool enable {application} {nodes[0]}`",
                )  # fmt: skip


def pools_of(state: ClusterState, application: str) -> Iterator[tuple[str, str, dict[str, Member]]]:
    """Each pool of an application on each balancer: the balancer, the pool's name, its members by their nodes."""
    for balancer in state.balancers:
        names = sorted({each.pool for each in balancer.members if each.application == application})
        for name in names:
            yield balancer.node, name, {each.name: each for each in balancer.members if each.pool == name}


def _must_run_there(topology: Topology, application: str, node: str) -> None:
    if application not in topology.applications:
        known = ", ".join(topology.applications)
        raise UsageError(f"no application {application!r}", fix=f"the applications are {known}")
    there = topology.machines_of(application)
    if node not in there:
        what = f"{node} does not run {application}" if node in topology.app_machines() else f"no app node {node!r}"
        raise UsageError(what, fix=f"{application} runs on {', '.join(there)}")


def _balancers_to_change(state: ClusterState, verb: str, application: str, node: str) -> list[str]:
    """The balancers that do not have it so already: one may have it from a command that was cut off.

    Raises:
        UsageError: none; or one whose member is to be changed has none.
    """
    refusals = {}
    for balancer in state.balancers:
        try:
            _must_apply(balancer, verb, application, node)
        except UsageError as refusal:
            refusals[balancer.node] = refusal
    if refusals and (verb not in ("add", "remove") or len(refusals) == len(state.balancers)):
        raise next(iter(refusals.values()))
    return [each.node for each in state.balancers if each.node not in refusals]


def _must_apply(balancer: BalancerState, verb: str, application: str, node: str) -> None:
    """See that a balancer has the member where it must, and has not where it is to be added."""
    there = any((each.pool, each.name) == (application, node) for each in balancer.members)
    if verb == "add" and there:
        raise UsageError(
            f"{node} is in the pool of {application} already", where=balancer.node,
            fix=f"`testbed pool enable {application} {node}` lets it serve again",
        )  # fmt: skip
    if verb != "add" and not there:
        raise UsageError(
            f"{node} is not in the pool of {application}", where=balancer.node,
            fix=f"`testbed pool add {application} {node}` puts it there",
        )  # fmt: skip


def _on_all(balancers: Sequence[Machine], verb: str, application: str, node: str, weight: int) -> None:
    """One balancer after the other; if one fails, those before it are rolled back."""
    changed: list[tuple[Machine, tuple[str, ...]]] = []
    balancer_verb: pool_member.Verb = "enable" if verb == "add" else verb  # type: ignore[assignment]
    try:
        for each in balancers:
            before = pool_member.decisions(each)
            pool_member.decide(each, balancer_verb, application, node, weight=weight)
            changed.append((each, before))
    except TestbedError as error:
        for each, before in changed:
            pool_member.set_decisions(each, before)
        undone = f"; taken back on {' and '.join(each.name for each, _ in changed)}" if changed else ""
        raise TestbedError(f"{error.what}{undone}", where=error.where, fix="`testbed status` shows more") from None
    except KeyboardInterrupt:
        for each, before in changed:
            pool_member.set_decisions(each, before)
        raise
