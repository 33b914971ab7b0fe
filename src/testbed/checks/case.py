"""What all checks of one run share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from testbed.checks import first_format
from testbed.checks.expectations import Profile
from testbed.checks.moments import Fault, faults, is_complete, moment, watched
from testbed.checks.standstills import Standstill, standstills
from testbed.checks.states import Span, timelines
from testbed.checks.verdict import Evidence, Status, Verdict
from testbed.faults.fault_registry import OPERATIONS
from testbed.journal import Journal

# More facts of one kind than people read.
MOST = 20


@dataclass(frozen=True)
class Case:
    """A run to be judged.

    Args:
        journal: what was recorded.
        expect: what was expected.
    """

    journal: Journal
    expect: Profile

    @cached_property
    def lines(self) -> Mapping[tuple[str, str], list[Span]]:
        """The states of all nodes."""
        return timelines(self.journal)

    @cached_property
    def faults(self) -> list[Fault]:
        """The faults in the order in which they were injected."""
        return faults(self.journal)

    @property
    def breakages(self) -> list[Fault]:
        """The faults without the operations, which break nothing."""
        return [fault for fault in self.faults if fault.name not in OPERATIONS]

    @cached_property
    def standstills(self) -> Mapping[str, tuple[Standstill, ...]]:
        """When the prober of each probe stood still."""
        return standstills(self.journal)

    @cached_property
    def complete(self) -> bool:
        """Whether silence proves anything."""
        return is_complete(self.journal)

    @property
    def begin(self) -> float:
        """When the steady state was reached; minus infinity if it was not."""
        return watched(self.journal)[0]

    @property
    def end(self) -> float:
        """When the timeline was done; infinite if it was not."""
        return watched(self.journal)[1]

    def plans_no(self, part: str) -> bool:
        """Whether the plan is there and has no such part, or one without users: what is not planned is not missed."""
        plan = self.journal.plan
        if plan is None:
            return False
        found = first_format.second(plan.scenario).get(part)
        return not found or (isinstance(found, dict) and found.get("users") == 0)

    def moment(self, name: str) -> float | None:
        """When a stage of the run was reached."""
        return moment(self.journal, name)


@dataclass
class Findings:
    """What a check found; its verdict follows from it.

    Args:
        wrong: each makes it fail.
        doubtful: each, if nothing is wrong, leaves it unknown.
        facts: what else is to be known.
    """

    wrong: list[Evidence] = field(default_factory=list)
    doubtful: list[Evidence] = field(default_factory=list)
    facts: list[Evidence] = field(default_factory=list)

    def fail(self, text: str, at: float | None = None, node: str = "") -> None:
        """Something is wrong."""
        self.wrong.append(Evidence(text, _finite(at), node))

    def doubt(self, text: str, at: float | None = None, node: str = "") -> None:
        """Something cannot be known."""
        self.doubtful.append(Evidence(text, _finite(at), node))

    def note(self, text: str, at: float | None = None, node: str = "") -> None:
        """Something is the case."""
        self.facts.append(Evidence(text, _finite(at), node))

    def verdict(self, check: str, summary: str = "") -> Verdict:
        """The verdict.

        Args:
            check: the check's name.
            summary: by default what is wrong or in doubt.
        """
        status = Status.FAIL if self.wrong else Status.UNKNOWN if self.doubtful else Status.PASS
        told = [each.text for each in (self.wrong or self.doubtful or self.facts)[:3]]
        evidence = (*_most(self.wrong), *_most(self.doubtful), *_most(self.facts))
        causes = tuple(each.text for each in self.wrong)
        return Verdict(check, status, summary or "; ".join(told), evidence, causes=causes)


def _most(evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    more = len(evidence) - MOST
    return [*evidence[:MOST], Evidence(f"and {more} more")] if more > 0 else evidence


def _finite(at: float | None) -> float | None:
    return None if at is None or at in (inf, -inf) else at
