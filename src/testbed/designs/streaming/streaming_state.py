"""A database node of the streaming design: the address, the role of PostgreSQL, and whether the standby follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.designs.streaming.streaming_aspect import STREAMING, StreamingAspect
from testbed.errors import TestbedError
from testbed.machines.machine import Machine
from testbed.roles import DatabaseState
from testbed.roles.node_state import addresses, query, section

CATCHING_UP, NONE = "catching-up", "none"


@dataclass(frozen=True, slots=True)
class StreamingState(DatabaseState):
    """State of one database node.

    Attributes:
        postgres_role: ``primary``, ``standby``, or ``none`` without an answer of PostgreSQL.
        replication: ``streaming`` on a primary whose commits wait for the standby, and on a standby that follows;
            ``catching-up`` on a primary whose commits do not wait yet; ``none``.
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
        """Whether the standby follows, and commits wait for it."""
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
        """Return False: the node that UCARP makes a standby discards what its peer does not have."""
        return False

    def newer_than(self, other: StreamingState) -> bool:
        """Whether this node's data is known to be of a later promotion, or further on in the same one."""
        return (self.timeline, self.position) > (other.timeline, other.position)

    def aspects(self) -> Iterator[tuple[str, str]]:
        """Return PostgreSQL's role and the state of its replication."""
        yield StreamingAspect.ROLE, self.postgres_role
        yield StreamingAspect.REPLICATION, self.replication

    def complaints(self) -> Iterator[str]:
        """Return what is wrong with this node."""
        if not self.reachable:
            yield f"{self.node} does not answer"
            return
        if not self.replicated:
            yield f"{self.node}: replication is {self.replication_state}"
        if not self.carp:
            yield f"{self.node}: takes no part in CARP"
        if self.unsound:
            yield f"{self.node}: its copy of the database is not complete"

    def summary(self) -> str:
        """Return what the node does, in one line."""
        serving = "serving" if self.serving else "standby"
        postgres = "PostgreSQL accepts" if self.postgres else "no PostgreSQL"
        return f"{serving}; {self.replication_state}, timeline {self.timeline}; {postgres}"

    def short_lines(self) -> list[str]:
        """Return PostgreSQL's role and the state of its replication."""
        return [f"PostgreSQL {self.postgres_role}", self.replication]


def state(machine: Machine, virtual_address: str) -> StreamingState:
    """Ask a database node for its state."""
    sections = query(machine)
    if sections is None:
        return StreamingState(machine.name, reachable=False)
    return parse(machine.name, virtual_address, sections)


def parse(node: str, virtual_address: str, sections: Mapping[str, str]) -> StreamingState:
    """A database node's state from the sections of ``node-state``."""
    # Role, timeline, position, the receiver's status (pg_stat_wal_receiver), the sender's state and kind
    # (pg_stat_replication); nothing when PostgreSQL does not answer.
    fields = section(sections, "psql").strip().split("|")
    role, timeline, position, receiver, sender = fields if len(fields) == 5 else (NONE, "0", "0/0", NONE, NONE)
    return StreamingState(
        node,
        reachable=True,
        holds_address=virtual_address in addresses(section(sections, "ip -o -4 addr")),
        postgres="accepting connections" in section(sections, "pg_isready"),
        carp=bool(section(sections, "pgrep -x ucarp").strip()),
        postgres_role=role,
        replication=_replication(role, receiver, sender),
        timeline=int(timeline),
        position=_bytes(position),
        unsound="unsound" in section(sections, "unsound"),
    )


def versions(machine: Machine) -> str:
    """Return the version of PostgreSQL.

    Raises:
        TestbedError: it cannot be read.
    """
    result = machine.exec(["sh", "-c", ". /usr/lib/testbed/common; $postgres/postgres --version"])
    if result.status:
        raise TestbedError(f"its versions cannot be read: {result.stderr.strip()}", where=machine.name)
    return f"PostgreSQL {result.stdout.split()[2]}"  # "postgres (PostgreSQL) 17.6 (Debian 17.6-0+deb13u1)"


def _replication(role: str, receiver: str, sender: str) -> str:
    if role == "standby":
        return STREAMING if receiver == "streaming" else NONE
    if sender == "streaming/sync":
        return STREAMING
    return NONE if sender == NONE else CATCHING_UP


def _bytes(position: str) -> int:
    """The number of a position in the write-ahead log, which PostgreSQL writes as two halves in hexadecimal."""
    high, _, low = position.partition("/")
    return (int(high, 16) << 32) + int(low, 16)
