"""Was no node's log alarming?"""

from __future__ import annotations

from testbed.checks.case import Case, Findings
from testbed.checks.verdict import Verdict
from testbed.journal import Alarm, StateChange


def judge_alarms(case: Case) -> Verdict:
    """No log has a line that a healthy run does not have, unless the incident allows its pattern."""
    findings = Findings()
    alarms = case.journal.of(Alarm)
    for alarm in alarms:
        allowed = alarm.pattern in case.expect.allow_alarms
        tell = findings.note if allowed else findings.fail
        tell(f"{alarm.node}: {alarm.pattern}{' (allowed)' if allowed else ''}: {alarm.text}", alarm.at, alarm.node)
    if not alarms and not case.journal.of(StateChange):
        findings.doubt("no node's log was followed")
    forbidden = len(findings.wrong)
    return findings.verdict("alarms", "" if findings.doubtful else f"{len(alarms)} alarms, {forbidden} not allowed")
