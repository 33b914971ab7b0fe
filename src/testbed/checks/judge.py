"""All checks, applied to one journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pydantic import ValidationError

from testbed.checks import first_format
from testbed.checks.address_owner import judge_address_owner
from testbed.checks.alarms import judge_alarms
from testbed.checks.durability import judge_durability
from testbed.checks.expectations import Profile, recorded_expectations
from testbed.checks.failback import judge_failback
from testbed.checks.healthy import judge_healthy
from testbed.checks.isolation import judge_isolation
from testbed.checks.leftovers import judge_leftovers
from testbed.checks.logins import judge_logins
from testbed.checks.no_service import judge_no_service
from testbed.checks.outage import judge_outage
from testbed.checks.ownership import judge_ownership
from testbed.checks.phases import judge_phases
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.recovery import judge_recovery
from testbed.checks.run_integrity import RUN, judge_run_integrity
from testbed.checks.stickiness import judge_stickiness
from testbed.checks.verdict import Status, Verdict
from testbed.journal import Journal

CHECKS: tuple[Callable[[RecordedRun], Verdict | None], ...] = (
    judge_outage,
    judge_no_service,
    judge_phases,
    judge_stickiness,
    judge_durability,
    judge_ownership,
    judge_address_owner,
    judge_recovery,
    judge_failback,
    judge_logins,
    judge_isolation,
    judge_alarms,
    judge_healthy,
    judge_leftovers,
)


def judge(journal: Journal) -> list[Verdict]:
    """What every check says of a run, as its plan expects it.

    Checks that the plan does not ask for say nothing, but for those that every run must pass. A failure that is known
    in the cluster's profile carries the reason. What broke the run itself, or its journal, is reported first.
    """
    verdicts = judge_run_integrity(journal)
    expect = Profile()
    if plan := journal.plan:
        try:
            expect = recorded_expectations(first_format.to_second_format(plan.scenario), plan.profile)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            verdicts.append(Verdict(RUN, Status.UNKNOWN, f"what was expected cannot be read: {told}"))
    run = RecordedRun(journal, expect)
    verdicts += [verdict for check in CHECKS if (verdict := check(run)) is not None]
    return [_with_reason(verdict, expect) for verdict in verdicts]


def _with_reason(verdict: Verdict, expect: Profile) -> Verdict:
    reasons = {str(check): reason for check, reason in expect.known_failures.items()}
    if verdict.status is Status.FAIL and verdict.check in reasons:
        return replace(verdict, documented=reasons[verdict.check])
    return verdict
