"""What is wrong with a cluster at a moment: the audit before and after every failover."""

from __future__ import annotations

from collections.abc import Iterator

from testbed.addresses import address_registry
from testbed.applications import pools
from testbed.balancers.balancer_registry import SERVER
from testbed.cluster.state import ClusterState
from testbed.machines import Power
from testbed.roles import AppState, MailState, SingleState
from testbed.topology import Role, Topology

# In the complaint about an application that runs, and whose health check is not answered well.
NOT_SERVING = " does not serve: "


def complaints(state: ClusterState, topology: Topology) -> list[str]:
    """Return everything that is wrong with the cluster; empty when it is healthy.

    Args:
        state: of all nodes.
        topology: what there should be.
    """
    return [
        *_power(state, topology),
        *_networks(state),
        *_balancers(state, topology),
        *_apps(state, topology),
        *_databases(state),
        *_mail(state),
        *_single(state),
        *(text for each in state.arbiters for text in each.complaints()),
    ]


def _power(state: ClusterState, topology: Topology) -> Iterator[str]:
    apps = topology.app_machines()
    for name in (*apps, *(node.name for node in topology.nodes.values() if node.role is not Role.APP)):
        if name not in state.power:
            yield f"{name} does not exist"
    for name, power in state.power.items():
        if power is not Power.ON:
            yield f"{name} is {power.value}"


def _networks(state: ClusterState) -> Iterator[str]:
    for name, networks in state.missing_networks.items():
        yield f"{name} is not connected to the Docker network {' and '.join(networks)}"


def _balancers(state: ClusterState, topology: Topology) -> Iterator[str]:
    owners = [each.node for each in state.balancers if each.holds_address]
    if len(owners) != 1:
        yield f"the site's address is held by {' and '.join(owners) or 'no node'}"
    apps = [each.node for each in state.apps]
    for each in state.balancers:
        if not each.reachable:
            yield f"{each.node} does not answer"
            continue
        if not each.apache:
            yield f"{each.node}: {SERVER.title} does not run"
        if not each.carp:
            yield address_registry.complaint(each.node)
        usable = {(member.pool, member.name) for member in each.members if member.usable}
        for pool in pools(topology):
            wanted = [node for node in apps if pool.nodes == "all" or node in pool.nodes]
            # Nodes that were removed on purpose are not reported.
            wanted = [node for node in wanted if (pool.application, node) not in each.out]
            if missing := [node for node in wanted if (pool.name, node) not in usable]:
                yield f"{each.node}: {', '.join(missing)} not usable in the pool of {pool.name}"


def _apps(state: ClusterState, topology: Topology) -> Iterator[str]:
    for each in state.apps:
        if not each.reachable:
            yield f"{each.node} does not answer"
            continue
        for name in missing_applications(each, topology):
            reason = each.silent.get(name)
            yield f"{each.node}: {name}{NOT_SERVING}{reason}" if reason else f"{each.node}: {name} does not run"


def missing_applications(app: AppState, topology: Topology) -> list[str]:
    """What an app node is to serve, and does not.

    Args:
        app: the node's state.
        topology: what should run where.
    """
    return [
        name
        for name, application in topology.applications.items()
        if (application.nodes == "all" or app.node in application.nodes)
        and (name not in app.applications or name in app.silent)
    ]


def _databases(state: ClusterState) -> Iterator[str]:
    owners = [each.node for each in state.databases if each.holds_address]
    if len(owners) != 1:
        yield f"the database's address is held by {' and '.join(owners) or 'no node'}"
    elif state.primary_database is None:
        yield f"{owners[0]} holds the database's address but does not serve"
    if state.split_brain:
        yield "split brain: both copies have data of their own; `testbed resolve split-brain` keeps one of them"
    for each in state.databases:
        yield from each.complaints()


def _mail(state: ClusterState) -> Iterator[str]:
    for each in state.mail:
        yield from _daemons(each, Dovecot=each.imap, Postfix=each.smtp)


def _single(state: ClusterState) -> Iterator[str]:
    for each in state.single:
        yield from _daemons(each, Apache=each.apache, MariaDB=each.database)


def _daemons(server: MailState | SingleState, **running: bool) -> Iterator[str]:
    """What is wrong with a node that is as well as its daemons are."""
    if not server.reachable:
        yield f"{server.node} does not answer"
        return
    for name, runs in running.items():
        if not runs:
            yield f"{server.node}: {name} does not run"
