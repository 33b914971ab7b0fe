"""A database machine: who holds the address, DRBD, the mount and PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.machines.machine import Machine
from testbed.roles.sections import addresses, ask, section


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """State of one database machine; the DRBD words are DRBD's own (drbdsetup(8)).

    Attributes:
        node: its name.
        reachable: whether its system answered at all; if not, nothing else is known.
        holds_address: whether it has the database's virtual address.
        drbd_role: its own role, ``Primary`` or ``Secondary``.
        drbd_connection: ``Connected``, ``WFConnection``, ``SyncSource``, ``StandAlone`` ...
        drbd_disks: own and peer's disk state, ``UpToDate/UpToDate`` when all is well.
        mounted: whether the replicated filesystem is mounted.
        postgres: whether PostgreSQL accepts connections.
        carp: whether UCARP runs, or keepalived in the hardened profile; without it a spare takes nothing over.
    """

    node: str
    reachable: bool
    holds_address: bool = False
    drbd_role: str = "Unknown"
    drbd_connection: str = "Unknown"
    drbd_disks: str = "Unknown/Unknown"
    mounted: bool = False
    postgres: bool = False
    carp: bool = False

    @property
    def serving(self) -> bool:
        """Whether clients can be served here: every step of a promotion is done."""
        return self.holds_address and self.drbd_role == "Primary" and self.mounted and self.postgres

    @property
    def replicated(self) -> bool:
        """Whether both copies are known to be whole and connected."""
        return self.drbd_connection == "Connected" and self.drbd_disks == "UpToDate/UpToDate"


def state(machine: Machine, virtual_address: str) -> DatabaseState:
    """Ask a database machine for its state."""
    sections = ask(machine)
    return (
        DatabaseState(machine.name, reachable=False)
        if sections is None
        else parse(machine.name, virtual_address, sections)
    )


def parse(node: str, virtual_address: str, sections: Mapping[str, str]) -> DatabaseState:
    """A database machine's state from the sections of ``node-state``."""
    # /proc/drbd of DRBD 8.4: " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----"
    drbd = re.search(r"cs:(\S+)(?: ro:(\S+)/\S+ ds:(\S+))?", section(sections, "cat /proc/drbd"))
    connection, role, disks = drbd.groups() if drbd else (None, None, None)
    return DatabaseState(
        node,
        reachable=True,
        holds_address=virtual_address in addresses(section(sections, "ip -o -4 addr")),
        drbd_role=role or "Unknown",
        drbd_connection=connection or "Unconfigured",
        drbd_disks=disks or "Unknown/Unknown",
        mounted="/dev/drbd" in section(sections, "grep drbd /proc/mounts"),
        postgres="accepting connections" in section(sections, "pg_isready"),
        carp=bool(section(sections, "pgrep -x ucarp").strip()),
    )
