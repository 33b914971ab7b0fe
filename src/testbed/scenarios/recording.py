"""What a trial recorded, and the checks over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from testbed.checks import (
    Death,
    Durability,
    NodeEvent,
    OutageReport,
    Phases,
    Stickiness,
    check_durability,
    check_outage,
    check_stickiness,
    failover_phases,
)
from testbed.journal import Journal, Outcome, ProbeSample, RequestSample, Settled, read


@dataclass(frozen=True)
class Recording:
    """The journals of one trial.

    Attributes:
        folder: where they lie.
        fault_at: when the fault was injected, monotonic seconds.
        events: what the nodes said, on the same clock.
    """

    folder: Path
    fault_at: float
    events: Sequence[NodeEvent]

    @cached_property
    def http(self) -> list[ProbeSample]:
        """Pages fetched through the site's virtual address."""
        return self._journal("http").of(ProbeSample)

    @cached_property
    def sql(self) -> list[ProbeSample]:
        """Rows committed over the database's virtual address."""
        return self._journal("sql").of(ProbeSample)

    @cached_property
    def requests(self) -> list[RequestSample]:
        """What the webmail's users did."""
        return self._journal("load").of(RequestSample)

    def outage(self, probe: str, ceiling: float | None = None) -> OutageReport:
        """Outages of a probe from the fault on, none of which may exceed ``ceiling`` seconds."""
        return check_outage(self._felt(probe), ceiling=ceiling)

    def durability(self) -> Durability:
        """Whether each acknowledged row is there, once."""
        return check_durability(self.sql, self._journal("sql").of(Settled))

    def stickiness(self, *died: str) -> Stickiness:
        """Whether every session stayed on its node; ``died`` are the app nodes the fault killed."""
        return check_stickiness(self.requests, [Death(node, self.fault_at) for node in died])

    def phases(self, probe: str, *nodes: str) -> Phases:
        """The phases of the failover between ``nodes``, as felt by one probe."""
        events = [event for event in self.events if event.node in nodes]
        if probe == "http":
            return failover_phases(self.fault_at, events, http=self._felt(probe))
        return failover_phases(self.fault_at, events, sql=self._felt(probe))

    def _felt(self, probe: str) -> list[ProbeSample]:
        """The samples that can tell of the fault: from the last good one before it on, by when they were due.

        A request that was already waiting for something else when the fault came tells nothing about the fault.
        """
        samples = self.http if probe == "http" else self.sql
        good = [each.scheduled for each in samples if each.outcome is Outcome.OK and each.finished <= self.fault_at]
        begin = max(good, default=self.fault_at)
        return [each for each in samples if each.scheduled >= begin]

    def _journal(self, name: str) -> Journal:
        return read(self.folder / f"{name}.jsonl")
