"""Applies all registered checks to a journal."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from testbed.checks import first_format
from testbed.checks.expectations import Profile, recorded_expectations
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.registry import CHECKS
from testbed.checks.run_integrity import RUN, judge_run_integrity
from testbed.checks.verdict import Status, Verdict
from testbed.journal import Journal


def judge(journal: Journal) -> list[Verdict]:
    """Return the verdicts of all checks that judge a run, as its plan expects it.

    Problems of the run itself or of its journal come first. A failure that is known in the cluster's profile has the
    reason.
    """
    verdicts = judge_run_integrity(journal)
    expect = Profile()
    if plan := journal.plan:
        try:
            expect = recorded_expectations(first_format.to_second_format(plan.scenario), plan.profile)
        except ValidationError as error:
            text = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            verdicts.append(Verdict(RUN, Status.UNKNOWN, f"what was expected cannot be read: {text}"))
    run = RecordedRun(journal, expect)
    for check in CHECKS.values():
        verdict = check.judge(run) if check.judges or check.is_asked(expect) else None
        if verdict is not None:
            verdicts.append(verdict)
    return [_with_reason(verdict, expect) for verdict in verdicts]


def _with_reason(verdict: Verdict, expect: Profile) -> Verdict:
    reasons = {str(check): reason for check, reason in expect.known_failures.items()}
    if verdict.status is Status.FAIL and verdict.check in reasons:
        return replace(verdict, documented=reasons[verdict.check])
    return verdict
