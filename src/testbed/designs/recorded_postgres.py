"""What runs record of a design whose standby follows PostgreSQL's write-ahead log, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from testbed.designs.recorded_design import RecordedDesign, ReplicationBreak, Tone
from testbed.designs.replicated_postgres import CATCHING_UP, STREAMING, PostgresAspect

if TYPE_CHECKING:
    from testbed.checks.states import Timelines

# Events of the nodes: the aspect that each reports, and the key of its value.
_EVENTS = {
    "postgres-role": (PostgresAspect.ROLE, re.compile(r"\brole=(\S+)")),
    "replication": (PostgresAspect.REPLICATION, re.compile(r"\bstate=(\S+)")),
}


class RecordedPostgres(RecordedDesign):
    """PostgreSQL's role, and whether the standby follows; a design adds its decisions."""

    primary = (PostgresAspect.ROLE, "primary")
    healthy: ClassVar[Mapping[str, str]] = {PostgresAspect.REPLICATION: STREAMING}
    alarm_patterns: ClassVar[Mapping[str, str]] = {}
    # A node that boots is a standby.
    after_boot = ((PostgresAspect.ROLE, "none"), (PostgresAspect.REPLICATION, "none"))
    phases = (("promoted", PostgresAspect.ROLE, "primary"),)
    phase_order = (("postgres accepting", "promoted"), ("first write", "promoted"))
    phase_steps = ((("promoted",), "for the promotion"),)
    lanes = ((PostgresAspect.ROLE, "PostgreSQL role"), (PostgresAspect.REPLICATION, "replication"))
    tones: ClassVar[Mapping[tuple[str, str], Tone]] = {
        (PostgresAspect.ROLE, "primary"): Tone.ACTIVE,
        (PostgresAspect.ROLE, "standby"): Tone.READY,
        (PostgresAspect.REPLICATION, STREAMING): Tone.READY,
    }

    def decision(self, line: str) -> None:  # noqa: ARG002
        """Return None: the node's own programs decide, and print events."""
        return

    def changes(self, event: str, rest: str) -> Iterator[tuple[str, str]]:
        """Return PostgreSQL's role and the state of replication."""
        if event in _EVENTS:
            aspect, pattern = _EVENTS[event]
            if found := pattern.search(rest):
                yield aspect, found[1]

    def split_brains(self, lines: Timelines) -> Iterator[ReplicationBreak]:  # noqa: ARG002
        """Return nothing: a node that becomes a standby discards what the primary does not have."""
        return iter(())

    def is_resyncing(self, states: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether the standby fetches what it lacks."""
        return any(each.get(PostgresAspect.REPLICATION) == CATCHING_UP for each in states.values())

    def is_replicated(self, states: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether the standby follows, as both nodes report."""
        return sum(each.get(PostgresAspect.REPLICATION) == STREAMING for each in states.values()) >= 2

    def describe(self, states: Mapping[str, str]) -> str:
        """Return PostgreSQL's role and the state of its replication."""
        return " ".join(states[aspect] for aspect in PostgresAspect if aspect in states)
