"""Every aspect of every node at one moment, asked of the nodes: where a run's timelines begin."""

from __future__ import annotations

import time
from collections.abc import Iterator

from testbed.cluster import Cluster, ClusterState
from testbed.journal import Aspect, StateChange, Writer
from testbed.recorder.log_events import member_aspect


def snapshot(cluster: Cluster, writer: Writer) -> None:
    """Ask all nodes and record their states.

    A state has the time before the question: the node's event records a change during it.

    Args:
        cluster: asked.
        writer: the run's journal.
    """
    before = time.monotonic()
    state = cluster.state()
    took = time.monotonic() - before
    for node, aspect, value in states(state):
        writer.write(StateChange(node, aspect, value, at=before, error=took, source="snapshot"))


def states(state: ClusterState) -> Iterator[tuple[str, str, str]]:
    """Node, aspect and value of all that is known of a cluster. Pure."""
    for name, power in state.power.items():
        yield name, Aspect.POWER, power.value
    for balancer in state.balancers:
        if balancer.reachable:
            yield balancer.node, Aspect.SITE_ADDRESS, _held(balancer.holds_address)
            if balancer.carp:
                yield balancer.node, Aspect.CARP, _election(balancer.holds_address)
            for member in balancer.members:
                yield balancer.node, member_aspect(member.pool, member.name), member.state
    for database in state.databases:
        if database.reachable:
            yield database.node, Aspect.DATABASE_ADDRESS, _held(database.holds_address)
            if database.carp:
                yield database.node, Aspect.CARP, _election(database.holds_address)
            for aspect, value in database.aspects():
                yield database.node, aspect, value
            yield database.node, Aspect.POSTGRES, "accepting" if database.postgres else "stopped"


def _held(holds: bool) -> str:
    return "held" if holds else "none"


def _election(holds: bool) -> str:
    """Return the state of the election: only the master holds the address."""
    return "master" if holds else "backup"
