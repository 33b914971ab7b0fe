"""A database machine: who holds the address, DRBD, the mount and PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.addresses import address_registry
from testbed.designs.drbd.drbd_aspect import DrbdAspect
from testbed.errors import TestbedError
from testbed.machines.machine import Machine
from testbed.roles import DatabaseState
from testbed.roles.node_state import query, section

# The replicated volume: the minor number in /proc/drbd, and the device in /proc/mounts. A benchmark adds others.
MINOR = 0
DEVICE = f"/dev/drbd{MINOR}"
_VERSIONS = (
    "uname -r; sed -n 's/^version: \\([^ ]*\\).*/\\1/p' /proc/drbd; /usr/lib/postgresql/15/bin/postgres --version"
)


@dataclass(frozen=True, slots=True)
class DrbdState(DatabaseState):
    """State of one database node; the DRBD states are DRBD's own (drbdsetup(8)).

    Attributes:
        drbd_role: its own role, ``Primary`` or ``Secondary``.
        drbd_connection: ``Connected``, ``WFConnection``, ``SyncSource``, ``StandAlone``, ``VerifyS`` ...
        drbd_disks: own and peer's disk state, ``UpToDate/UpToDate`` when all is well.
        mounted: whether the replicated filesystem is mounted.
        damaged: whether the mounted filesystem has lost writes to I/O errors: only a new mount is sound.
        generations: DRBD's identifiers of its data: current, bitmap and two of history (drbdsetup(8), ``get-gi``), in
            hexadecimal; empty when its disk is not attached.
    """

    drbd_role: str = "Unknown"
    drbd_connection: str = "Unknown"
    drbd_disks: str = "Unknown/Unknown"
    mounted: bool = False
    damaged: bool = False
    generations: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """Its DRBD role, as targets name it."""
        return {"Primary": "primary", "Secondary": "standby"}.get(self.drbd_role, "")

    @property
    def disk(self) -> str:
        """State of its own copy: ``UpToDate``, ``Inconsistent``, ``Diskless`` ..."""
        return self.drbd_disks.partition("/")[0]

    @property
    def synchronising(self) -> bool:
        """Whether DRBD is copying from one node to the other, or about to."""
        return self.drbd_connection.startswith(("Sync", "WFBitMap", "WFSyncUUID", "Verify", "StartingSync"))

    @property
    def serving(self) -> bool:
        """Whether clients can be served here: every step of a promotion is done."""
        return self.holds_address and self.drbd_role == "Primary" and self.mounted and self.postgres

    @property
    def replicated(self) -> bool:
        """Whether both copies are known to be complete and connected; they are while DRBD compares them."""
        connected = self.drbd_connection in ("Connected", "VerifyS", "VerifyT")
        return connected and self.drbd_disks == "UpToDate/UpToDate"

    @property
    def uses_data(self) -> bool:
        """Whether the volume is mounted."""
        return self.mounted

    @property
    def replication_state(self) -> str:
        """DRBD's connection and disks."""
        return f"{self.drbd_connection} {self.drbd_disks}"

    def is_split_from(self, other: DatabaseState) -> bool:
        """Whether both copies have data of their own, and DRBD keeps them apart (drbd.conf(5), StandAlone).

        One that merely stands alone, as the loser of a failover does for a moment, is not a split brain.
        """
        if not isinstance(other, DrbdState):
            return False
        return "StandAlone" in (self.drbd_connection, other.drbd_connection) and self.parted_from(other)

    def aspects(self) -> Iterator[tuple[str, str]]:
        """Return DRBD's states and the mount's."""
        own, _, peer = self.drbd_disks.partition("/")
        yield DrbdAspect.ROLE, self.drbd_role
        yield DrbdAspect.CONNECTION, self.drbd_connection
        yield DrbdAspect.DISK, own
        yield DrbdAspect.PEER_DISK, peer
        yield DrbdAspect.MOUNT, "mounted" if self.mounted else "none"

    def complaints(self) -> Iterator[str]:
        """Return what is wrong with this node."""
        if not self.reachable:
            yield f"{self.node} does not answer"
        elif not self.replicated:
            yield f"{self.node}: DRBD is {self.replication_state}"
        if self.reachable and not self.carp:
            yield address_registry.complaint(self.node)
        if self.damaged:
            yield f"{self.node}: the database's filesystem has lost writes to I/O errors since it was mounted"

    def summary(self) -> str:
        """Return what the node does, in one line."""
        serving = "serving" if self.serving else "standby"
        postgres = "PostgreSQL accepts" if self.postgres else "no PostgreSQL"
        mounted = "mounted; " if self.mounted else ""
        return f"{serving}; DRBD {self.drbd_role} {self.replication_state}; {mounted}{postgres}"

    def short_lines(self) -> list[str]:
        """Return DRBD's connection and disks."""
        return [f"DRBD {self.drbd_connection}", self.drbd_disks]

    def parted_from(self, other: DrbdState) -> bool:
        """Whether each of two copies has data that the other has not, as DRBD decides when they meet.

        A copy is older than another whose bitmap or history names its current generation; it has data of its own when
        the other knows that generation in no place (DRBD 8.4, drbd_receiver.c, ``drbd_uuid_compare``).

        Returns:
            False also when the generations of one of them are not known.
        """
        return bool(self.generations and other.generations) and not (
            _generation(self.generations[0]) in map(_generation, other.generations)
            or _generation(other.generations[0]) in map(_generation, self.generations)
        )

    def newer_than(self, other: DrbdState) -> bool:
        """Whether the other copy's current generation is one of this copy's earlier ones."""
        if not (self.generations and other.generations):
            return False
        current, *earlier = map(_generation, self.generations)
        known = _generation(other.generations[0])
        return known != current and known in earlier


def _generation(identifier: str) -> int:
    """The identifier without its lowest bit, which only marks that the node was primary."""
    return int(identifier, 16) & ~1


def state(machine: Machine, virtual_address: str) -> DrbdState:
    """Ask a database node for its state."""
    sections = query(machine)
    return (
        DrbdState(machine.name, reachable=False) if sections is None else parse(machine.name, virtual_address, sections)
    )


def versions(machine: Machine) -> str:
    """Return the versions of the guest's kernel, DRBD and PostgreSQL.

    Raises:
        TestbedError: they cannot be read.
    """
    result = machine.exec(["sh", "-c", _VERSIONS])
    if result.status:
        raise TestbedError(f"its versions cannot be read: {result.stderr.strip()}", where=machine.name)
    kernel, drbd, postgres = result.stdout.splitlines()[:3]
    release = postgres.split()[2]  # "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
    return f"Linux {kernel}, DRBD {drbd}, PostgreSQL {release}"


def parse(node: str, virtual_address: str, sections: Mapping[str, str]) -> DrbdState:
    """A database node's state from the sections of ``node-state``."""
    # /proc/drbd of DRBD 8.4: " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----"
    volume = rf"^ *{MINOR}: cs:(\S+)(?: ro:(\S+)/\S+ ds:(\S+))?"
    drbd = re.search(volume, section(sections, "cat /proc/drbd"), re.MULTILINE)
    connection, role, disks = drbd.groups() if drbd else (None, None, None)
    # "CURRENT:BITMAP:HISTORY:HISTORY:flags...", identifiers of 64 bits; anything else is an error message.
    identifier_line = section(sections, "/lib/drbd/drbdsetup-84 get-gi")
    identifiers = re.search(r"^((?:[0-9A-F]{16}:){4})", identifier_line, re.MULTILINE)
    mounts = section(sections, "grep drbd /proc/mounts").splitlines()
    mounted = any(line.startswith(f"{DEVICE} ") for line in mounts)
    return DrbdState(
        node,
        reachable=True,
        holds_address=address_registry.holds_address(virtual_address, sections),
        drbd_role=role or "Unknown",
        drbd_connection=connection or "Unconfigured",
        drbd_disks=disks or "Unknown/Unknown",
        mounted=mounted,
        postgres="accepting connections" in section(sections, "pg_isready"),
        carp=address_registry.partakes(sections),
        damaged=mounted and "volume-damaged" in section(sections, "find /run/testbed"),
        generations=tuple(identifiers[1].rstrip(":").split(":")) if identifiers else (),
    )
