"""What all checks of one run share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from testbed.checks import first_format
from testbed.checks.expectations import Profile
from testbed.checks.injected_faults import InjectedFault, injected_faults
from testbed.checks.run_stages import ended_programs, is_complete, observation_period, stage_time
from testbed.checks.standstills import Standstill, standstills
from testbed.checks.states import Span, timelines
from testbed.designs.database_design import DatabaseDesign
from testbed.designs.design_registry import design_of_run
from testbed.faults.fault_registry import OPERATIONS
from testbed.journal import Journal


@dataclass(frozen=True)
class RecordedRun:
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

    @property
    def design(self) -> DatabaseDesign[Any]:
        """Its database design."""
        return design_of_run(self.journal.plan)

    @cached_property
    def faults(self) -> list[InjectedFault]:
        """The faults in the order in which they were injected."""
        return injected_faults(self.journal)

    @property
    def breakages(self) -> list[InjectedFault]:
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

    @cached_property
    def ended_programs(self) -> Mapping[str, str]:
        """The probes, and ``load``, that ended before they were stopped, each with the reason."""
        return ended_programs(self.journal)

    @property
    def begin(self) -> float:
        """When the steady state was reached; minus infinity if it was not."""
        return observation_period(self.journal)[0]

    @property
    def end(self) -> float:
        """When the timeline was done; infinite if it was not."""
        return observation_period(self.journal)[1]

    def plans_no(self, part: str) -> bool:
        """Whether the plan is there and has no such part, or one without users: what is not planned is not missed."""
        plan = self.journal.plan
        if plan is None:
            return False
        found = first_format.to_second_format(plan.scenario).get(part)
        return not found or (isinstance(found, dict) and found.get("users") == 0)

    def stage_time(self, name: str) -> float | None:
        """When a stage of the run was reached."""
        return stage_time(self.journal, name)
