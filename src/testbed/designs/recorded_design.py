"""What the runs of a database design record, and how checks and reports read it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from testbed.checks.states import Timelines


class Tone(StrEnum):
    """How a state looks on the page of a run."""

    ACTIVE = "active"  # it does the work
    READY = "ready"  # it is ready to do it
    TROUBLE = "trouble"
    BROKEN = "broken"
    IDLE = "idle"  # there is nothing to see


@dataclass(frozen=True, slots=True)
class ReplicationBreak:
    """Replication ended, and does not begin again by itself.

    Attributes:
        text: what happened.
        at: when, in monotonic seconds.
        node: where.
        is_split: whether both nodes were written to: a split brain.
    """

    text: str
    at: float
    node: str
    is_split: bool


class RecordedDesign(ABC):
    """What the runs of a database design record. Pure: recorder, checks and reports ask it.

    The aspects of every design (``journal.Aspect``: power, addresses, their election, PostgreSQL) are not the design's.

    Attributes:
        primary: the aspect and the value of the primary. Two nodes that have it at once are a failure.
        healthy: the aspects that show whether replication is healthy, each with its healthy value.
        decisions: marks of what a node decides, each with the description on the page after the node's name.
        alarm_patterns: regular expressions of lines that no healthy run has, by the name of the alarm.
        after_boot: the states of a database node that has booted and is not promoted.
        phases: phases of a failover between the address and PostgreSQL, in order: name, aspect and value.
        phase_order: pairs of phases, the second of which must come first.
        phase_steps: phases that belong together, and what passed until the last of them.
        lanes: the aspects that the page shows of a node, in order, each with its title.
        tones: how the states look on the page; a state that is not here is ``Tone.TROUBLE``.
    """

    primary: ClassVar[tuple[str, str]]
    healthy: ClassVar[Mapping[str, str]]
    decisions: ClassVar[Mapping[str, str]]
    alarm_patterns: ClassVar[Mapping[str, str]]
    after_boot: ClassVar[tuple[tuple[str, str], ...]]
    phases: ClassVar[tuple[tuple[str, str, str], ...]]
    phase_order: ClassVar[tuple[tuple[str, str], ...]]
    phase_steps: ClassVar[tuple[tuple[tuple[str, ...], str], ...]]
    lanes: ClassVar[tuple[tuple[str, str], ...]]
    tones: ClassVar[Mapping[tuple[str, str], Tone]]

    @abstractmethod
    def decision(self, line: str) -> tuple[str, Mapping[str, str]] | None:
        """Return the decision that a program's own log line reports: a name of ``decisions`` and its values.

        Args:
            line: of a node's log.
        """

    @abstractmethod
    def changes(self, event: str, rest: str) -> Iterator[tuple[str, str]]:
        """Return the states that an event of a node's log reports: aspects and values.

        Args:
            event: the event's name; the recorder knows the events that every design has.
            rest: the line after the name.
        """

    @abstractmethod
    def split_brains(self, lines: Timelines) -> Iterator[ReplicationBreak]:
        """Return when replication ended for good, and whether both nodes had been written to by then.

        Args:
            lines: the states of all nodes, by node and aspect.
        """

    @abstractmethod
    def is_resyncing(self, states: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether data is being copied from one database node to another.

        Args:
            states: the last value of each aspect, by node.
        """

    @abstractmethod
    def is_replicated(self, states: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether both copies of the data are connected and up to date.

        Args:
            states: the last value of each aspect, by node.
        """

    @abstractmethod
    def describe(self, states: Mapping[str, str]) -> str:
        """Return the recorded state of a node's replication in a few words; empty if none is recorded.

        Args:
            states: the last value of each aspect of the node.
        """
