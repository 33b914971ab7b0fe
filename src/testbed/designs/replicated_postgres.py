"""A database node of a design whose standby follows PostgreSQL's write-ahead log: its role, and how far it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from testbed.addresses import address_registry
from testbed.designs.remedy import COLD_START, POWER_CYCLE, Remedy
from testbed.errors import TestbedError
from testbed.machines.machine import Machine
from testbed.roles import DatabaseState
from testbed.roles.node_state import section


class PostgresAspect(StrEnum):
    """The parts of PostgreSQL whose states are followed, with the values they take."""

    ROLE = "postgres-role"  # primary, standby, none
    REPLICATION = "replication"  # streaming, catching-up, none


# ``journal.Aspect.DATABASE_ADDRESS``. Most commands ask for designs and not for journals, which are slow to import.
DATABASE_ADDRESS = "database-address"
# The standby follows.
STREAMING = "streaming"
CATCHING_UP, NONE = "catching-up", "none"


@dataclass(frozen=True, slots=True)
class ReplicatedPostgresState(DatabaseState):
    """State of one database node.

    Attributes:
        postgres_role: ``primary``, ``standby``, or ``none`` without an answer of PostgreSQL.
        replication: ``streaming`` on a primary whose standby follows, and on a standby that follows; ``catching-up`` on
            a primary whose standby lacks something; ``none``.
        timeline: number of the last promotion that its data knows.
        position: how far its write-ahead log is applied, in bytes.
        unsound: whether its data is neither its own nor its peer's, because a copy is not complete.
    """

    postgres_role: str = NONE
    replication: str = NONE
    timeline: int = 0
    position: int = 0
    unsound: bool = False

    @property
    def role(self) -> str:
        """PostgreSQL's role, as targets name it; the node that has the address is the primary whose server has died."""
        if self.postgres_role == NONE:
            return "primary" if self.holds_address else ""
        return self.postgres_role

    @property
    def serving(self) -> bool:
        """Whether clients can be served here."""
        return self.holds_address and self.postgres_role == "primary" and self.postgres

    @property
    def replicated(self) -> bool:
        """Whether the standby follows."""
        return self.replication == STREAMING and not self.unsound

    @property
    def synchronising(self) -> bool:
        """Whether a standby fetches what it lacks."""
        return self.replication == CATCHING_UP or self.unsound

    @property
    def uses_data(self) -> bool:
        """Whether PostgreSQL runs, which also a standby's does."""
        return self.postgres_role != NONE

    @property
    def replication_state(self) -> str:
        """PostgreSQL's role and the state of its replication."""
        return f"{self.postgres_role} {self.replication}"

    def is_split_from(self, other: DatabaseState) -> bool:  # noqa: ARG002
        """Return False: a node that becomes a standby discards what its peer does not have."""
        return False

    def newer_than(self, other: ReplicatedPostgresState) -> bool:
        """Whether this node's data is known to be of a later promotion, or further on in the same one."""
        return (self.timeline, self.position) > (other.timeline, other.position)

    def aspects(self) -> Iterator[tuple[str, str]]:
        """Return PostgreSQL's role and the state of its replication."""
        yield PostgresAspect.ROLE, self.postgres_role
        yield PostgresAspect.REPLICATION, self.replication

    def summary(self) -> str:
        """Return what the node does, in one line."""
        serving = "serving" if self.serving else "standby"
        postgres = "PostgreSQL accepts" if self.postgres else "no PostgreSQL"
        return f"{serving}; {self.replication_state}, timeline {self.timeline}; {postgres}"

    def short_lines(self) -> list[str]:
        """Return PostgreSQL's role and the state of its replication."""
        return [f"PostgreSQL {self.postgres_role}", self.replication]


def server_fields(virtual_address: str, sections: Mapping[str, str], healthy_sender: str) -> dict[str, Any]:
    """Return the fields of a node's state that its addresses and its PostgreSQL show.

    Args:
        virtual_address: the database's.
        sections: of ``node-state``.
        healthy_sender: what a primary's statistics report of a standby that follows as the design wants it.
    """
    # Role, timeline, position, the status of the standby's receiver, the state of the primary's sender; nothing when
    # PostgreSQL does not answer.
    fields = section(sections, "psql").strip().split("|")
    role, timeline, position, receiver, sender = fields if len(fields) == 5 else (NONE, "0", "0/0", NONE, NONE)
    if role == "standby":
        replication = STREAMING if receiver == STREAMING else NONE
    elif sender == healthy_sender:
        replication = STREAMING
    else:
        replication = NONE if sender == NONE else CATCHING_UP
    return {
        "holds_address": address_registry.holds_address(virtual_address, sections),
        "postgres": "accepting connections" in section(sections, "pg_isready"),
        "postgres_role": role,
        "replication": replication,
        "timeline": int(timeline),
        "position": _bytes(position),
    }


def power_cycles(databases: Sequence[ReplicatedPostgresState]) -> Iterator[Remedy]:
    """Return power cycles after which no older copy is served: a node while the other serves, or both, the newer first.

    Nodes that do not answer may have the newer copy, so then both are not cycled.
    """
    for each in sorted(databases, key=lambda each: (each.serving, each.holds_address, each.node)):
        if any(other.serving for other in databases if other is not each) or all(it.replicated for it in databases):
            yield Remedy(each.node, POWER_CYCLE)
    if databases and all(each.reachable and each.timeline for each in databases):
        newest = max(databases, key=lambda each: (not each.unsound, each.timeline, each.position))
        yield Remedy(newest.node, COLD_START)
    else:
        yield from (Remedy(each.node, POWER_CYCLE) for each in databases if not each.reachable)


def postgres_version(machine: Machine) -> str:
    """Return the version of PostgreSQL.

    Raises:
        TestbedError: it cannot be read.
    """
    result = machine.exec(["sh", "-c", ". /usr/lib/testbed/common; $postgres/postgres --version"])
    if result.status:
        raise TestbedError(f"its versions cannot be read: {result.stderr.strip()}", where=machine.name)
    return f"PostgreSQL {result.stdout.split()[2]}"  # "postgres (PostgreSQL) 17.6 (Debian 17.6-0+deb13u1)"


def _bytes(position: str) -> int:
    """The number of a position in the write-ahead log, which PostgreSQL writes as two halves in hexadecimal."""
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
