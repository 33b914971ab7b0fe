"""The pools of the balancers: one for each application, and one for each rule of dispatch that picks nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from testbed.topology import WEBMAIL, Dispatch, Topology
from testbed.topology.keys import Nodes


@dataclass(frozen=True, slots=True)
class Pool:
    """App nodes among which a balancer spreads the requests of an application.

    Attributes:
        name: the application's, or ``APPLICATION.RULE``.
        application: what its members run.
        port: where they listen.
        nodes: which app nodes they are.
        cookie: holds a session's node; empty where any node serves any session.
        health: the path whose answer shows that a member serves.
    """

    name: str
    application: str
    port: int
    nodes: Nodes
    cookie: str
    health: str


def pools(topology: Topology) -> list[Pool]:
    """All pools of a cluster, the webmail's first."""
    found = [
        Pool(name, name, application.port, application.nodes, _cookie(topology, name), application.health_path)
        for name, application in sorted(topology.applications.items(), key=lambda each: (each[0] != WEBMAIL, each[0]))
    ]
    for rule in topology.dispatch:
        if rule.nodes != "all":
            name, application = pool_of(rule), topology.applications[rule.application]
            cookie, health = _cookie(topology, name), application.health_path
            found.append(Pool(name, rule.application, application.port, rule.nodes, cookie, health))
    return found


def pool_of(rule: Dispatch) -> str:
    """The name of the pool that a rule sends its requests to."""
    return rule.application if rule.nodes == "all" else f"{rule.application}.{rule.name}"


def pools_file(all_pools: Iterable[Pool]) -> str:
    """``pools``, for balancers' programs: ``NAME PORT COOKIE NODE,NODE`` a line; ``-`` no cookie, ``*`` all nodes."""
    return "".join(
        f"{pool.name} {pool.port} {pool.cookie or '-'} {'*' if pool.nodes == 'all' else ','.join(pool.nodes)}\n"
        for pool in all_pools
    )


def _cookie(topology: Topology, pool: str) -> str:
    """The cookie of a pool: one each, or a user of two applications would be sent to and fro."""
    application = pool.partition(".")[0]
    if application == WEBMAIL and topology.sessions.store == "database":
        return ""
    return "ROUTEID" if pool == WEBMAIL else f"ROUTEID-{pool}"
