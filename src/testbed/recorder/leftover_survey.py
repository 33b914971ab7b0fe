"""What a run leaves behind: everything that is there when it is over, less what was there when it began."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.host import engine, host_addresses, identity
from testbed.host.image_store import find_store
from testbed.journal import Leftover, Writer
from testbed.machines import Machine, network_namespace
from testbed.machines.container import ContainerMachine
from testbed.machines.fleet import node_name
from testbed.machines.helper_container import HelperContainer

# Queueing disciplines that nothing but a fault puts on an interface here (tc(8)).
DISCIPLINES = ("tc", "-j", "qdisc", "show")
LINKS = ("ip", "-j", "link", "show")
FAULTY = ("netem", "tbf", "ingress", "clsact")
MIB = 1 << 20
HOST = "host"
# Where a database node mounts the volume that moves with the service.
DATABASE_VOLUME = "/srv/database"


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Free space on a disk.

    Args:
        where: the node or the host.
        mount: where it is mounted.
        free: bytes.
        moves: whether it is the replicated volume, which is mounted on another node after a failover.
    """

    where: str
    mount: str
    free: int
    moves: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by at another time."""
        return ("" if self.moves else self.where, self.mount)


@dataclass(frozen=True)
class Survey:
    """What was there at one moment.

    Args:
        found: what a run should not leave behind.
        disks: free space on each disk.
    """

    found: frozenset[Leftover]
    disks: tuple[DiskSpace, ...]


def survey_leftovers(cluster: Cluster) -> Survey:
    """Return what is left on every node and on the host.

    Args:
        cluster: the cluster, healed.
    """
    found: list[Leftover | DiskSpace] = [*_faults(cluster), *_containers(cluster), *_host(cluster), *_nodes(cluster)]
    return Survey(
        frozenset(each for each in found if isinstance(each, Leftover)),
        tuple(each for each in found if isinstance(each, DiskSpace)),
    )


def record_leftovers(cluster: Cluster, writer: Writer, before: Survey) -> None:
    """Look for what the run left behind, and record it.

    Args:
        cluster: the cluster, healed.
        writer: the run's journal.
        before: what was there when the run began.
    """
    for left in new_leftovers(before, survey_leftovers(cluster)):
        writer.write(left)


def new_leftovers(before: Survey, after: Survey) -> list[Leftover]:
    """Return what came while the run was on and is still there. Pure.

    Args:
        before: when it began.
        after: when it was over.
    """
    new = sorted(after.found - before.found, key=lambda each: (each.where, each.what, each.detail))
    return [*new, *_used(before.disks, after.disks)]


def _used(before: Iterable[DiskSpace], after: Iterable[DiskSpace]) -> Iterator[Leftover]:
    """Disks that the run nearly filled: it used more than it left free, so that another one like it may not fit."""
    was: Mapping[tuple[str, str], int] = {disk.key: disk.free for disk in before}
    for disk in after:
        used = was.get(disk.key, disk.free) - disk.free
        if used > disk.free:
            left = f"left {disk.free / MIB:.0f} MiB free"
            yield Leftover("disk", disk.where, f"the run used {used / MIB:.0f} MiB on {disk.mount} and {left}")


def parse_survey(node: str, output: str) -> Iterator[Leftover | DiskSpace]:
    """What a node's own look around found. Pure.

    Args:
        node: the node.
        output: what its system's ``list_leftovers`` printed.
    """
    for line in output.splitlines():
        what, _, detail = line.partition(" ")
        if what == "free":
            kib, _, mount = detail.split(" ", 2)
            yield DiskSpace(node, mount, int(kib) * 1024, moves=mount == DATABASE_VOLUME)
        else:
            yield Leftover(what, node, detail)


def leftover_qdiscs(node: str, listing: str, interfaces: Collection[str] | None = None) -> Iterator[Leftover]:
    """Queueing disciplines that a fault has left on interfaces. Pure.

    Args:
        node: whose interfaces.
        listing: what ``tc -j qdisc show`` prints.
        interfaces: those to look at; by default all.
    """
    for entry in json.loads(listing or "[]"):
        device = entry.get("dev", "?")
        if entry.get("kind") in FAULTY and (interfaces is None or device in interfaces):
            yield Leftover("network", node, f"{entry['kind']} on {device}")


def bridge_ports(listing: str, bridges: Collection[str]) -> frozenset[str]:
    """Return the host's interfaces that stand on these bridges. Pure.

    Args:
        listing: what ``ip -j link show`` prints.
        bridges: names of bridges.
    """
    links = json.loads(listing or "[]")
    return frozenset(str(link["ifname"]) for link in links if link.get("master") in bridges)


def _faults(cluster: Cluster) -> Iterator[Leftover]:
    for entry in cluster.ledger.entries():
        yield Leftover("fault", entry.node, f"{entry.fault} is in force")


def _containers(cluster: Cluster) -> Iterator[Leftover]:
    """Yield the cluster's own containers that are off or unknown; a run did not make those of others."""
    client = engine.client()
    for container in client.containers.list(all=True, filters={"label": identity.own(cluster.settings)}):
        name = node_name(container.labels, cluster.topology)
        if not name:
            yield Leftover("container", HOST, f"{container.name} is not a node of the cluster")
        elif container.status != "running":
            yield Leftover("container", name, f"is {container.status}")
    client.close()


def _host(cluster: Cluster) -> Iterator[Leftover | DiskSpace]:
    yield from _host_disks(cluster)
    client = engine.client()
    helper = HelperContainer(client, f"{cluster.settings.images}/lb", identity.labels(cluster.settings), HOST)
    with suppress(TestbedError):
        # Interfaces of the host itself and of other clusters are not this cluster's.
        own = host_addresses.bridges(client.api.networks(filters={"label": identity.own(cluster.settings)}))
        interfaces = bridge_ports(network_namespace.run(LINKS, network_namespace.HOST, helper), own)
        yield from leftover_qdiscs(HOST, network_namespace.run(DISCIPLINES, network_namespace.HOST, helper), interfaces)
    client.close()


def _host_disks(cluster: Cluster) -> Iterator[DiskSpace]:
    """Where records go, and where the engine keeps the nodes' disks; each disk once."""
    client = engine.client()
    folders = (cluster.settings.state_dir, find_store(client.info()).volumes)
    client.close()
    seen = set()
    for folder in folders:
        with suppress(OSError):  # the engine's folder may be another machine's, or forbidden
            device = folder.stat().st_dev
            if device not in seen:
                yield DiskSpace(HOST, str(folder), shutil.disk_usage(folder).free)
            seen.add(device)


def _nodes(cluster: Cluster) -> Iterator[Leftover | DiskSpace]:
    machines = cluster.fleet.machines()
    with ThreadPoolExecutor(max_workers=16) as pool:
        for each in pool.map(_look, machines):
            yield from each


def _look(machine: Machine) -> list[Leftover | DiskSpace]:
    seen: list[Leftover | DiskSpace] = []
    with suppress(TestbedError):  # the audit of the cluster reports a node that does not answer
        result = machine.exec(["sh", "-c", machine.system.list_leftovers()], timeout=30)
        seen += parse_survey(machine.name, result.stdout)
    if isinstance(machine, ContainerMachine):  # for a VM: the container around it
        with suppress(TestbedError):
            seen += leftover_qdiscs(machine.name, machine.exec_in_container(DISCIPLINES).stdout)
    return seen
