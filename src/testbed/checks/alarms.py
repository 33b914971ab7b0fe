"""Was no node's log alarming?"""

from __future__ import annotations

from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Alarm, StateChange


def judge_alarms(run: RecordedRun) -> Verdict:
    """No log has a line that a healthy run does not have, unless the incident allows its pattern."""
    builder = VerdictBuilder()
    alarms = run.journal.of(Alarm)
    for alarm in alarms:
        allowed = alarm.pattern in run.expect.allow_alarms
        tell = builder.note if allowed else builder.fail
        tell(f"{alarm.node}: {alarm.pattern}{' (allowed)' if allowed else ''}: {alarm.text}", alarm.at, alarm.node)
    if not alarms and not run.journal.of(StateChange):
        builder.doubt("no node's log was followed")
    forbidden = len(builder.wrong)
    return builder.verdict("alarms", "" if builder.doubtful else f"{len(alarms)} alarms, {forbidden} not allowed")
