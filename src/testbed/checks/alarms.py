"""Was no node's log alarming?"""

from __future__ import annotations

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Alarm, StateChange


class AlarmsCheck(Check):
    """No log has a line that a healthy run does not have, unless the incident allows its pattern."""

    name = "alarms"
    passes_if = "every alarming line in a log matches an allowed pattern"
    unknown_if = "no log was followed"
    judges = "every run"

    def judge(self, run: RecordedRun) -> Verdict:
        """Return the verdict."""
        builder = VerdictBuilder()
        alarms = run.journal.of(Alarm)
        for alarm in alarms:
            allowed = alarm.pattern in run.expect.allow_alarms
            add = builder.note if allowed else builder.fail
            add(f"{alarm.node}: {alarm.pattern}{' (allowed)' if allowed else ''}: {alarm.text}", alarm.at, alarm.node)
        if not alarms and not run.journal.of(StateChange):
            builder.doubt("no node's log was followed")
        forbidden = len(builder.wrong)
        return builder.verdict(self.name, "" if builder.doubtful else f"{len(alarms)} alarms, {forbidden} not allowed")
