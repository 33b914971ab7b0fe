"""What a run should have taken away and did not: looked for when it is over and the cluster is whole again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.host import engine
from testbed.journal import Leftover, Writer
from testbed.machines import Machine, wire
from testbed.machines.container import ContainerMachine
from testbed.machines.fleet import name_of
from testbed.settings import PROJECT_LABEL

FULL_PERCENT = 95
# Queueing disciplines that nothing but a fault puts on an interface here (tc(8)).
FAULTY = ("netem", "tbf", "ingress", "clsact")


def leftovers(cluster: Cluster, writer: Writer) -> None:
    """Look for what was left behind, and write it down.

    Args:
        cluster: the cluster, healed.
        writer: the run's journal.
    """
    for left in [*_faults(cluster), *_containers(cluster), *_host(cluster), *_nodes(cluster)]:
        writer.write(left)


def told(node: str, output: str) -> Iterator[Leftover]:
    """What a node's own look around found. Pure.

    Args:
        node: the node.
        output: lines of what and which.
    """
    for line in output.splitlines():
        what, _, detail = line.partition(" ")
        yield Leftover(what, node, detail)


def disciplines(node: str, listing: str) -> Iterator[Leftover]:
    """Queueing disciplines that a fault has left on interfaces. Pure.

    Args:
        node: whose interfaces.
        listing: what ``tc -j qdisc show`` prints.
    """
    for entry in json.loads(listing or "[]"):
        if entry.get("kind") in FAULTY:
            yield Leftover("network", node, f"{entry['kind']} on {entry.get('dev', '?')}")


def _faults(cluster: Cluster) -> Iterator[Leftover]:
    for entry in cluster.ledger.entries():
        yield Leftover("fault", entry.node, f"{entry.fault} is in force")


def _containers(cluster: Cluster) -> Iterator[Leftover]:
    client = engine.client()
    mine: dict[str, str | list[str] | bool] = {"label": f"{PROJECT_LABEL}={cluster.settings.project}"}
    for container in client.containers.list(all=True, filters=mine):
        name = name_of(container.labels, cluster.topology)
        if not name:
            yield Leftover("container", "host", f"{container.name}, no machine of the cluster, is {container.status}")
        elif container.status != "running":
            yield Leftover("container", name, f"is {container.status}")
    client.close()


def _host(cluster: Cluster) -> Iterator[Leftover]:
    usage = shutil.disk_usage(cluster.settings.state_dir)
    percent = 100 * (usage.total - usage.free) / usage.total
    if percent > FULL_PERCENT:
        yield Leftover("disk", "host", f"{cluster.settings.state_dir} is {percent:.0f}% full")
    with suppress(TestbedError):  # without tc no fault has used it
        for left in disciplines("host", wire.run(["tc", "-j", "qdisc", "show"])):
            if re.search(r" on veth", left.detail):  # the host's own interfaces are its own affair
                yield left


def _nodes(cluster: Cluster) -> Iterator[Leftover]:
    machines = cluster.fleet.machines()
    with ThreadPoolExecutor(max_workers=16) as pool:
        for found in pool.map(_look, machines):
            yield from found


def _look(machine: Machine) -> list[Leftover]:
    found: list[Leftover] = []
    with suppress(TestbedError):  # one that does not answer is told by the audit of the cluster
        result = machine.exec(["sh", "-c", machine.system.look_around(FULL_PERCENT)], timeout=30)
        found += told(machine.name, result.stdout)
    if isinstance(machine, ContainerMachine) and (process := machine.pid()):
        with suppress(TestbedError):
            found += disciplines(machine.name, wire.run(wire.inside(process, ["tc", "-j", "qdisc", "show"])))
    return found
