"""Isolation: what can be reached from `public`, tried out on every node and every port that any node listens on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.journal import Scan, Writer
from testbed.machines import Machine
from testbed.machines.container import ContainerMachine
from testbed.topology import Role

SOURCE = "public"
SITE_PORTS = (80, 443)
# Tried in full where packets arrive at all: on the balancers and the virtual addresses.
FULL = range(1, 10_001)
# Tried on every address, whether a program listens there at the moment or not.
ALWAYS = (22, 25, 80, 143, 443, 587, 993, 4190, 5432, 7788, 7789, 8008, 8081)
SCAN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ScanTarget:
    """An address to be tried.

    Args:
        node: whose it is.
        address: the address.
        full: whether every port is tried.
        allowed: ports that may answer.
    """

    node: str
    address: str
    full: bool
    allowed: tuple[int, ...] = ()


def scan(cluster: Cluster, writer: Writer) -> None:
    """Try every port of every node from the client's network, and write down what answered.

    Args:
        cluster: the cluster.
        writer: the run's journal.

    Raises:
        TestbedError: the scan could not be run.
    """
    machines = cluster.fleet.machines()
    with ThreadPoolExecutor(max_workers=16) as pool:
        listening = dict(zip([each.name for each in machines], pool.map(_listening, machines), strict=True))
    everywhere = sorted({*ALWAYS, *(port for ports in listening.values() for port in ports)})
    tried = {target: _ports(target, everywhere) for target in scan_targets(cluster, machines, listening)}
    [client] = cluster.fleet.machines(Role.CLIENT)
    command = ["python3", "-m", "testbed.probes.port_scan"]
    command += [f"{target.address}={format_ports(ports)}" for target, ports in tried.items()]
    output = client.exec(command, timeout=SCAN_SECONDS).check("the ports could not be tried", client.name)
    found: dict[str, list[int]] = json.loads(output)
    for target, ports in tried.items():
        answered = tuple(found[target.address])
        writer.write(Scan(SOURCE, target.node, target.address, len(ports), answered, target.allowed))


def scan_targets(
    cluster: Cluster, machines: Sequence[Machine], listening: dict[str, list[int]]
) -> Iterator[ScanTarget]:
    """Every address of the cluster but the client's own, which is tried from.

    Args:
        cluster: the cluster.
        machines: its machines.
        listening: the ports each of them listens on.
    """
    topology = cluster.topology
    yield ScanTarget("site", str(topology.site.address), full=True, allowed=SITE_PORTS)
    yield ScanTarget("database", str(topology.database.address), full=True)
    for machine in machines:
        if machine.node.role is Role.CLIENT or not isinstance(machine, ContainerMachine):
            continue
        for network in machine.node.addresses:
            address = machine.address(network)
            if not address:  # it is off
                continue
            allowed: tuple[int, ...] = ()
            if network == SOURCE and machine.node.role in (Role.BALANCER, Role.SINGLE):
                allowed = SITE_PORTS
            elif machine.node.role is Role.GATEWAY:  # the way in for who sits at this machine: it stands outside
                allowed = tuple(listening[machine.name])
            yield ScanTarget(machine.name, address, full=machine.node.role is Role.BALANCER, allowed=allowed)


def _listening(machine: Machine) -> list[int]:
    try:
        return machine.system.listening_ports(machine.exec(["sh", "-c", machine.system.list_listeners()]).stdout)
    except TestbedError:
        return []  # off or frozen: it accepts no connection


def _ports(target: ScanTarget, everywhere: Sequence[int]) -> list[int]:
    return sorted({*everywhere, *FULL}) if target.full else list(everywhere)


def format_ports(ports: Sequence[int]) -> str:
    """Port numbers as ``testbed.probes.port_scan`` reads them, runs of them shortened."""
    parts: list[str] = []
    begin = end = ports[0]
    for port in [*ports[1:], -1]:
        if port == end + 1:
            end = port
            continue
        parts.append(f"{begin}-{end}" if end > begin else str(begin))
        begin = end = port
    return ",".join(parts)
