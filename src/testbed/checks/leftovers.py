"""Did the run leave nothing behind?"""

from __future__ import annotations

from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Leftover


def judge_leftovers(run: RecordedRun) -> Verdict | None:
    """The run leaves nothing behind: no fault, process, container or core file, and no full disk.

    The verdict is unknown if the run did not come to its end.

    Of a cluster that was left as it is, to be looked at, nothing is said.
    """
    if run.stage_time("kept") is not None:
        return None
    builder = VerdictBuilder()
    for left in run.journal.of(Leftover):
        builder.fail(f"{left.what} on {left.where}: {left.detail}", node=left.where)
    if not run.complete:
        builder.doubt("the run did not come to its end, where it looks for what it left behind")
    return builder.verdict("leftovers", "" if builder.wrong or builder.doubtful else "nothing was left behind")
