"""Injecting and healing: the ledger is written first and struck out last."""

from __future__ import annotations

from collections.abc import Sequence

from docker.errors import DockerException

from testbed.errors import TestbedError, UsageError
from testbed.faults.catalogue import fault_named
from testbed.faults.ledger import Entry, Ledger
from testbed.machines import Fleet


def inject(fleet: Fleet, ledger: Ledger, fault: str, node: str, networks: Sequence[str] = ()) -> Entry:
    """Inject a fault into a machine.

    Args:
        fleet: the machines.
        ledger: where the promise to heal is kept.
        fault: the fault's name.
        node: the machine's name.
        networks: the networks it concerns; by default all of the machine's.

    Returns:
        What was written down.

    Raises:
        UsageError: an unknown fault, node or network, or a machine that cannot suffer it; nothing was changed.
    """
    what = fault_named(fault)
    machine = fleet[node]
    known = tuple(machine.node.addresses)
    for network in networks:
        if network not in known:
            raise UsageError(f"{node} is not on {network!r}", mend=f"its networks are {', '.join(known)}")
    if reason := what.refusal(machine):
        raise UsageError(f"{fault} is impossible on {node}: {reason}", mend="`testbed status` shows the cluster")
    chosen = tuple(networks) or known
    entry = ledger.write(fault, node, chosen)
    what.inject(machine, chosen)
    return entry


def heal(fleet: Fleet, ledger: Ledger, entry: Entry) -> None:
    """Undo one fault and strike it out."""
    machines = {machine.name: machine for machine in fleet.machines()}
    if machine := machines.get(entry.node):  # a node that is gone took its fault along
        fault_named(entry.fault).heal(machine, entry.networks)
    ledger.strike(entry)


def heal_all(fleet: Fleet, ledger: Ledger) -> list[Entry]:
    """Undo every fault in the ledger, the oldest first.

    A machine that lost its cable and then its power boots with the cable in: in the other order, the cable would be
    plugged into a machine that has only just got its power back.

    Returns:
        The faults that were healed.

    Raises:
        TestbedError: a fault could not be healed; it stays on record, the others are healed.
    """
    healed: list[Entry] = []
    failures: list[Exception] = []
    for entry in ledger.entries():
        try:
            heal(fleet, ledger, entry)
        except (TestbedError, DockerException) as error:
            failures.append(error)  # one machine that cannot be healed must not keep the others broken
        else:
            healed.append(entry)
    if failures:
        raise failures[0]
    return healed
