"""What can be done for a cluster that does not become healthy by itself, from the mildest remedy to a power cycle.

``next_remedy`` is pure: it reads the nodes' states and returns one remedy for one node. None of them discards
data: DRBD decides which copy is newer, and where it does not, no remedy is left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations, permutations

from testbed.cluster.cluster import Cluster
from testbed.cluster.state import ClusterState
from testbed.errors import TestbedError
from testbed.machines import Machine
from testbed.machines.machine import off_reason
from testbed.roles import DatabaseState
from testbed.topology import Role
from testbed.wait import FinalError, WaitTimeout, wait_until

# For what it does, and for the cluster to become healthy after it.
MILD_SECONDS = 30.0
BOOT_SECONDS = 75.0
SCRIPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Remedy:
    """A remedy for one node.

    Attributes:
        name: which remedy, a key of ``DESCRIPTIONS``.
    """

    node: str
    name: str

    @property
    def seconds(self) -> float:
        """How long its effect is waited for."""
        return BOOT_SECONDS if self.name in (CONNECT_NETWORKS, RESTART, POWER_CYCLE, COLD_START) else MILD_SECONDS

    def __str__(self) -> str:
        return f"{self.node}: {DESCRIPTIONS[self.name]}"


ATTACH, CONNECT, RECONNECT, FINISH, RESIGN, REJOIN = "attach", "connect", "reconnect", "finish-role", "resign", "rejoin"
CONNECT_NETWORKS = "connect-networks"
RESTART, POWER_CYCLE, COLD_START = "restart", "power-cycle", "cold-start"
DESCRIPTIONS: Mapping[str, str] = {
    ATTACH: "DRBD attaches its disk again",
    CONNECT: "DRBD connects again",
    RECONNECT: "DRBD drops its connection and connects again",
    FINISH: "the promotion or demotion is finished",
    RESIGN: "it hands the database over to its peer",
    REJOIN: "its failover daemon starts again",
    CONNECT_NETWORKS: "it is connected to its Docker networks again, and restarts",
    RESTART: "restarting it",
    POWER_CYCLE: "power-cycling it",
    COLD_START: "power-cycling both database nodes, this one first",
}
# What UCARP or keepalived decided last is done to its end, under the lock of promotions and demotions. A promotion only
# where no PostgreSQL runs: a second one would write to the same files.
_FINISH_ROLE = """
. /usr/lib/testbed/common
exec </dev/null >>/var/log/role.log 2>&1
if wish backup; then
    exec flock -o -w 40 "$lock" /usr/lib/testbed/demote
fi
pgrep -u postgres -x postgres >/dev/null || exec flock -o -w 40 "$lock" /usr/lib/testbed/promote
"""
# Its supervisor starts the daemon again; keepalived's standing of a node that resigned is any other node's again.
_REJOIN = "[ ! -e /run/testbed/standing ] || echo 0 >/run/testbed/standing; pkill -x ucarp; pkill -x keepalived; true"
SCRIPTS: Mapping[str, str] = {
    ATTACH: "drbdadm attach database",
    CONNECT: "drbdadm connect database",
    RECONNECT: "drbdadm disconnect database; drbdadm connect database",
    FINISH: _FINISH_ROLE,
    RESIGN: "resign",
    REJOIN: _REJOIN,
}


def next_remedy(state: ClusterState, complaints: Collection[str], taken: Collection[Remedy]) -> Remedy | None:
    """Choose what to do next; each remedy is taken once for a node.

    Args:
        state: of all nodes.
        complaints: what is wrong, as ``health.complaints`` returns it.
        taken: the remedies so far.

    Returns:
        None when everything was tried.
    """
    return next((each for each in _remedies(state, complaints) if each not in taken), None)


def _remedies(state: ClusterState, complaints: Collection[str]) -> Iterator[Remedy]:
    # Nothing else helps a node that someone disconnected, and its peers fail because of it.
    yield from (Remedy(name, CONNECT_NETWORKS) for name in state.missing_networks)
    named = _subjects(state, complaints)
    databases = {each.node for each in state.databases}
    database = bool(databases & set(named)) or any("database" in text for text in complaints)
    if database:
        yield from _for_databases(state.databases)
    # A primary that has not reported two complete copies to the arbiter: its successor does.
    if any("has the data alone" in text for text in complaints):
        yield from (Remedy(each.node, RESIGN) for each in state.databases if each.serving and each.replicated)
    # A guest that does not answer has hung, and no mild remedy reaches it.
    if database and not all(each.reachable for each in state.databases):
        yield from _power_cycles(state.databases)
    yield from _for_containers(state, complaints, [name for name in named if name not in databases])
    if database:
        yield from _power_cycles(state.databases)


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


def _for_databases(databases: Iterable[DatabaseState]) -> Iterator[Remedy]:
    answering = [each for each in databases if each.reachable]
    yield from (Remedy(each.node, ATTACH) for each in answering if each.disk in ("Diskless", "Failed"))
    yield from (Remedy(each.node, CONNECT) for each in answering if each.drbd_connection == "StandAlone")
    sick = [each for each in answering if _sick(each)]
    # A server that lost writes is not started again on the same mount: its memory and its disk differ.
    yield from (Remedy(each.node, FINISH) for each in sick if not each.damaged)
    yield from (Remedy(each.node, RESIGN) for each in sick if each.replicated)
    holders = [each for each in answering if each.holds_address]
    if len(holders) > 1:
        yield from (Remedy(each.node, REJOIN) for each in holders if not each.serving)
    yield from (Remedy(each.node, REJOIN) for each in answering if not each.carp)
    if not holders:
        yield from (Remedy(each.node, REJOIN) for each in sorted(answering, key=_worth))
    for each in _standby_first(answering):
        if each.drbd_connection not in ("Connected", "StandAlone") and not each.synchronising:
            yield Remedy(each.node, RECONNECT)


def _sick(database: DatabaseState) -> bool:
    """Whether a node has a part of the service, but not all of it."""
    part = database.holds_address or database.mounted or database.drbd_role == "Primary"
    return part and (database.damaged or not database.serving)


def _worth(database: DatabaseState) -> tuple[bool, str]:
    return database.disk != "UpToDate", database.node


def _standby_first(databases: Iterable[DatabaseState]) -> list[DatabaseState]:
    """Machines that give no part of the service, then those that give some, last one that serves."""
    return sorted(databases, key=lambda each: (each.serving, each.drbd_role == "Primary", each.mounted, each.node))


def _power_cycles(databases: Sequence[DatabaseState]) -> Iterator[Remedy]:
    """Power cycles that let no older copy of the data be served: one node while the other serves or is as new.

    Where that is not known, both go off and the one with the newer copy starts first.
    """
    replicated = all(each.replicated for each in databases)
    for each in _standby_first(databases):
        if replicated or any(other.serving for other in databases if other is not each):
            yield Remedy(each.node, POWER_CYCLE)
    if first := newest(databases):
        yield Remedy(first.node, COLD_START)


def newest(databases: Sequence[DatabaseState]) -> DatabaseState | None:
    """The node whose copy of the data is as new as any.

    Returns:
        None when each of two copies has data that the other has not: which one to keep is a person's decision.
    """
    if any(one.parted_from(other) for one, other in combinations(databases, 2)):
        return None
    for one, other in permutations(databases, 2):
        if one.newer_than(other):
            return one

    # A node that does not answer may have the newer copy, unless the other one knows better.
    def likely(each: DatabaseState) -> tuple[bool, bool, bool, str]:
        knows = each.drbd_role == "Primary" or each.drbd_disks in ("UpToDate/Outdated", "UpToDate/Inconsistent")
        return not knows, each.reachable, each.disk != "UpToDate", each.node

    return min(databases, key=likely, default=None)


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
    if remedy.name in SCRIPTS:
        with suppress(TestbedError):
            machine.exec(["sh", "-c", SCRIPTS[remedy.name]], timeout=SCRIPT_SECONDS)
    elif remedy.name == COLD_START:
        _cold_start(cluster, machine)
    else:
        machine.kill()
        if remedy.name == CONNECT_NETWORKS:
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


def decision(state: ClusterState) -> str:
    """Which decision about data is a person's, in one line; empty when there is none."""
    answering = [each for each in state.databases if each.reachable]
    if len(answering) > 1 and not any(each.disk in ("UpToDate", "Consistent") for each in answering):
        copies = " and ".join(f"{each.node} {each.disk}" for each in answering)
        return (
            f"neither copy of the database is known to be up to date ({copies}): decide which one to serve, "
            "with `testbed exec NODE drbdadm primary --force database`"
        )
    return ""
