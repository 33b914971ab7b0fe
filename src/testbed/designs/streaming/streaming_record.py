"""What runs of the streaming design record, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from testbed.designs.recorded_design import RecordedDesign, ReplicationBreak, Tone
from testbed.designs.streaming.streaming_aspect import STREAMING, StreamingAspect

if TYPE_CHECKING:
    from testbed.checks.states import Timelines

# Events of images/streaming: the aspect that each reports, and the key of its value.
_EVENTS = {
    "postgres-role": (StreamingAspect.ROLE, re.compile(r"\brole=(\S+)")),
    "replication": (StreamingAspect.REPLICATION, re.compile(r"\bstate=(\S+)")),
}


class RecordedStreaming(RecordedDesign):
    """PostgreSQL's role, and whether the standby follows."""

    primary = (StreamingAspect.ROLE, "primary")
    healthy: ClassVar[Mapping[str, str]] = {StreamingAspect.REPLICATION: STREAMING}
    decisions: ClassVar[Mapping[str, str]] = {
        "going-on-alone": "continues without its standby",
        "rejoined": "has replaced its data with the primary's",
    }
    alarm_patterns: ClassVar[Mapping[str, str]] = {}
    # A node that boots is a standby.
    after_boot = ((StreamingAspect.ROLE, "none"), (StreamingAspect.REPLICATION, "none"))
    phases = (("promoted", StreamingAspect.ROLE, "primary"),)
    phase_order = (("postgres accepting", "promoted"), ("first write", "promoted"))
    phase_steps = ((("promoted",), "for the promotion"),)
    lanes = ((StreamingAspect.ROLE, "PostgreSQL role"), (StreamingAspect.REPLICATION, "replication"))
    tones: ClassVar[Mapping[tuple[str, str], Tone]] = {
        (StreamingAspect.ROLE, "primary"): Tone.ACTIVE,
        (StreamingAspect.ROLE, "standby"): Tone.READY,
        (StreamingAspect.REPLICATION, STREAMING): Tone.READY,
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
        return any(each.get(StreamingAspect.REPLICATION) == "catching-up" for each in states.values())

    def is_replicated(self, states: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether the standby follows, and commits wait for it."""
        return sum(each.get(StreamingAspect.REPLICATION) == STREAMING for each in states.values()) >= 2

    def describe(self, states: Mapping[str, str]) -> str:
        """Return PostgreSQL's role and the state of its replication."""
        return " ".join(states[aspect] for aspect in StreamingAspect if aspect in states)
