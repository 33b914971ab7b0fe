"""Undo faults that no record names: a node was frozen by hand, or the process that did so lost its ledger.

Everything is found in the nodes themselves, and nothing here changes a node that is well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from docker.errors import DockerException

from testbed.cluster.cluster import Cluster
from testbed.designs.design_registry import design_of
from testbed.errors import TestbedError
from testbed.faults.fault_options import DIRECTIONS, rule_name
from testbed.faults.fault_registry import FAULTS
from testbed.host.process_identity import is_running
from testbed.machines import Machine, Power, packet_rules
from testbed.topology import Role

CLOCK_SECONDS = 3.0
# Errors of one node or one stage, after which the others are undone all the same.
TROUBLE = (TestbedError, DockerException, OSError)
# Queueing disciplines that faults put on a cable (tc-netem(8), tc-tbf(8)).
FAULTY = ("netem", "tbf")
# The variable in which probes and load bear the identity of the run's process.
OWNER = "TESTBED_OWNER"
# Each of them: its number in the container, and its owner.
LIST_OWNED = rf"""
for each in /proc/[0-9]*; do
    owner=$(tr '\0' '\n' 2>/dev/null <"$each/environ" | sed -n 's/^{OWNER}=//p')
    [ -z "$owner" ] || echo "${{each#/proc/}} $owner"
done
"""


def undo(cluster: Cluster) -> Iterator[str]:
    """Find what faults have left on the nodes and the host, and undo it.

    A node or a stage that fails does not keep the others from being undone. A node without power is left to the
    recovery, which tries again.

    Args:
        cluster: the cluster; its recorded faults are healed.

    Yields:
        What was undone and what was not, one line each.

    Raises:
        TestbedError, DockerException, OSError: the first error of a stage, after all stages.
    """
    trouble: Exception | None = None
    with ThreadPoolExecutor(max_workers=2) as pool:
        # Nodes are switched on first; the host's rules and the nodes' own state do not depend on each other.
        for stages in ((power_on,), (sweep_host, _undo_on_all)):
            for stage in [pool.submit(lambda each: list(each(cluster)), each) for each in stages]:
                try:
                    yield from stage.result()
                except TROUBLE as error:
                    trouble = trouble or error
                    yield f"not healed: {error}"
    if trouble:
        raise trouble


def _undo_on_all(cluster: Cluster) -> Iterator[str]:
    with ThreadPoolExecutor(max_workers=8) as pool:
        for found in pool.map(partial(_undo_on, cluster), cluster.fleet.machines()):
            yield from found


def sweep_host(cluster: Cluster) -> list[str]:
    """Delete the cluster's rules on the host: they outlive their container, and no record need hold them.

    Returns:
        What was done, one line each.
    """
    try:
        return [f"removed the rules {table} from the host" for table in cluster.fleet.sweep()]
    except packet_rules.NoNftError as error:
        return [str(error)]


def power_on(cluster: Cluster) -> Iterator[str]:
    """Thaw what is frozen, and start what is off; a node that cannot be does not keep the others off.

    Yields:
        What was done and what was not, one line each.
    """
    for machine in cluster.fleet.machines():
        try:
            power = machine.power()
            if power is Power.FROZEN:
                machine.unpause()
                yield f"{machine.name} was frozen: thawed"
            elif power is Power.OFF:
                machine.start()
                yield f"{machine.name} was off: started"
        except TROUBLE as error:
            yield f"not healed: {error if str(error).startswith(machine.name) else f'{machine.name}: {error}'}"


def _undo_on(cluster: Cluster, machine: Machine) -> list[str]:
    """Undo what is found on one node; a step that is impossible there keeps no other from being taken."""
    done: list[str] = []
    steps: list[Callable[[Machine], Iterator[str]]] = [_cables, _queues, _processes]
    if machine.node.keys.machine == "virtual":
        steps += [_cuts, _clock]
    if machine.node.role is Role.DATABASE:
        steps.append(design_of(cluster.topology).undo_faults)
    if machine.node.role in (Role.CLIENT, Role.OBSERVER):
        steps.append(_strays)
    for step in steps:
        with suppress(TestbedError, DockerException, OSError, ValueError):
            done += step(machine)
    return done


def _cables(machine: Machine) -> Iterator[str]:
    """Interfaces that are down, and cables without a carrier (ip-link(8)); OpenBSD's are plugged in unasked."""
    networks = list(machine.node.addresses)[::-1]  # replication first, as in healing
    if machine.node.keys.platform != "debian":
        for network in networks:
            machine.plug(network)
        return
    links = [link for link in json.loads(_look(machine, "ip -j link") or "[]") if "LOOPBACK" not in link["flags"]]
    if down := [link["ifname"] for link in links if "UP" not in link["flags"] and link.get("link_type") == "ether"]:
        _run(machine, machine.system.set_interfaces(down, up=True))
        yield f"{machine.name}: {' and '.join(down)} was down: brought up"
    if pulled := [link["ifname"] for link in links if "NO-CARRIER" in link["flags"]]:
        for network in networks:
            machine.plug(network)
        yield f"{machine.name}: {' and '.join(pulled)} had no carrier: cable plugged in"


def _queues(machine: Machine) -> Iterator[str]:
    """Queues that delay or limit what passes, at both ends of each cable and in a guest itself."""
    for network in machine.node.addresses:
        for inward in (False, True):
            shown = json.loads(machine.tc(network, "-j", "qdisc", "show", "dev", "DEV", inward=inward) or "[]")
            if any(each.get("kind") in FAULTY for each in shown):
                machine.tc(network, "qdisc", "del", "dev", "DEV", "root", inward=inward)
                yield f"{machine.name}: {network} was delayed or limited: full speed"
    if machine.node.keys.machine == "virtual" and machine.system.emulates:
        for entry in json.loads(_look(machine, "tc -j qdisc show") or "[]"):
            if entry.get("kind") in FAULTY:
                _run(machine, f"tc qdisc del dev {entry['dev']} root")
                yield f"{machine.name}: {entry['dev']} was delayed: full speed"


def _processes(machine: Machine) -> Iterator[str]:
    """Processes that were stopped (SIGSTOP)."""
    for line in _look(machine, machine.system.list_leftovers()).splitlines():
        what, _, detail = line.partition(" ")
        if what == "process" and detail.endswith("is stopped"):
            _run(machine, f"kill -CONT {int(detail.split()[0])}")
            yield f"{machine.name}: process {detail}: continued"


def _strays(machine: Machine) -> Iterator[str]:
    """Probes and load of a run whose process was killed: they would go on for half an hour."""
    owned = [line.split() for line in _look(machine, LIST_OWNED).splitlines()]
    if strays := [pid for pid, owner in owned if not is_running(owner)]:
        _run(machine, f"kill -KILL {' '.join(strays)}")
        yield f"{machine.name}: ended {len(strays)} processes of a run that was killed"


def _cuts(machine: Machine) -> Iterator[str]:
    """Rules in the network namespace of a VM's container; they are named after the fault, the network and the way."""
    names = {
        rule_name(fault.name, network, direction)
        for fault in FAULTS.values()
        if fault.drops_by_rule
        for network in machine.node.addresses
        for direction in DIRECTIONS
    }
    # The kernel takes 0.02 s to delete a table that was never there.
    tables = {line.split()[-1] for line in machine.filter("list tables netdev").splitlines()}
    if found := sorted(names & tables):
        machine.filter("".join(packet_rules.delete_rules(name) for name in found))
        yield f"{machine.name}: the rules {' and '.join(found)} dropped packets: deleted"


def _clock(machine: Machine) -> Iterator[str]:
    """A guest's wall clock that is not the host's."""
    before = time.time()
    guest_time = float(_look(machine, "date +%s"))
    if guest_time < before - CLOCK_SECONDS or guest_time > time.time() + CLOCK_SECONDS:
        _run(machine, machine.system.set_clock(time.time()))
        yield f"{machine.name}: its clock was {guest_time - before:+.0f} s off: set to the host's"


def _run(machine: Machine, script: str) -> str:
    return machine.exec(["sh", "-c", script]).stdout


def _look(machine: Machine, script: str) -> str:
    return machine.look(["sh", "-c", script]).stdout
