"""Did the cluster become healthy by itself after the last heal?"""

from __future__ import annotations

from math import inf

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Mark

HEALTHY = "healthy"
REPAIRED = "testbed repaired the cluster: "


class HealthyCheck(Check):
    """The cluster becomes healthy at the end of the run without a repair.

    A cluster that was kept as it is has no verdict, because nothing was healed there.
    """

    name = HEALTHY
    passes_if = "the cluster became healthy at the end of the run without a remedy of `testbed`"
    unknown_if = "the run did not come to its end"
    judges = "every run"

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        if run.stage_time("kept") is not None:
            return None
        done = run.stage_time("timeline-done")
        after = -inf if done is None else done
        builder = VerdictBuilder()
        for mark in run.journal.of(Mark):
            if mark.name == "not-healthy":
                builder.fail(mark.attrs.get("reason", "the cluster did not become healthy"), mark.at)
            elif mark.name == "repaired" and mark.at >= after:
                builder.fail(f"{REPAIRED}{mark.attrs.get('what')}", mark.at)
        if not run.complete:
            builder.doubt("the run did not come to its end, where it waits for a healthy cluster")
        healthy = not (builder.wrong or builder.doubtful)
        return builder.verdict(self.name, "the cluster became healthy by itself" if healthy else "")
