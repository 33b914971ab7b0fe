"""All checks, applied to one journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pydantic import ValidationError

from testbed.checks.alarms import judge_alarms
from testbed.checks.breakage import RUN, breakage
from testbed.checks.case import Case
from testbed.checks.durability import judge_durability
from testbed.checks.expectations import Expectations
from testbed.checks.healthy import judge_healthy
from testbed.checks.isolation import judge_isolation
from testbed.checks.leftovers import judge_leftovers
from testbed.checks.logins import judge_logins
from testbed.checks.outage import judge_outage
from testbed.checks.owner import judge_owner
from testbed.checks.ownership import judge_ownership
from testbed.checks.phases import judge_phases
from testbed.checks.rejoin import judge_rejoin
from testbed.checks.returning import judge_return
from testbed.checks.stickiness import judge_stickiness
from testbed.checks.stopped import judge_stopped
from testbed.checks.verdict import Status, Verdict
from testbed.journal import Journal

CHECKS: tuple[Callable[[Case], Verdict | None], ...] = (
    judge_outage,
    judge_stopped,
    judge_phases,
    judge_stickiness,
    judge_durability,
    judge_ownership,
    judge_owner,
    judge_rejoin,
    judge_return,
    judge_logins,
    judge_isolation,
    judge_alarms,
    judge_healthy,
    judge_leftovers,
)


def judge(journal: Journal) -> list[Verdict]:
    """What every check says of a run, as its plan expects it.

    Checks that the plan does not ask for say nothing, but for those that every run must pass. A failure that the plan
    documents carries the reason, unless the cluster was hardened. What broke the run itself, or its journal, is told
    first.
    """
    verdicts = breakage(journal)
    expect = Expectations()
    if plan := journal.plan:
        try:
            expect = Expectations.model_validate(plan.scenario.get("expect", {})).under(plan.profile)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            verdicts.append(Verdict(RUN, Status.UNKNOWN, f"what was expected cannot be read: {told}"))
    case = Case(journal, expect)
    verdicts += [verdict for check in CHECKS if (verdict := check(case)) is not None]
    return [_documented(verdict, expect) for verdict in verdicts]


def _documented(verdict: Verdict, expect: Expectations) -> Verdict:
    reasons = {str(check): reason for check, reason in expect.documented.items()}
    if verdict.status is Status.FAIL and verdict.check in reasons:
        return replace(verdict, documented=reasons[verdict.check])
    return verdict
