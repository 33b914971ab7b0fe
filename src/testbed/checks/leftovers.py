"""Did the run leave nothing behind?"""

from __future__ import annotations

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Leftover


class LeftoversCheck(Check):
    """The run leaves nothing behind: no fault, process, container or core file, and no full disk.

    A cluster that was kept as it is has no verdict.
    """

    name = "leftovers"
    passes_if = (
        "the run left nothing behind that was not there when it began, and used no more of a disk than it left free"
    )
    unknown_if = "the run did not come to its end"
    judges = "every run"

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        if run.stage_time("kept") is not None:
            return None
        builder = VerdictBuilder()
        for left in run.journal.of(Leftover):
            builder.fail(f"{left.what} on {left.where}: {left.detail}", node=left.where)
        if not run.complete:
            builder.doubt("the run did not come to its end, where it looks for what it left behind")
        return builder.verdict(self.name, "" if builder.wrong or builder.doubtful else "nothing was left behind")
