"""Did the run leave nothing behind?"""

from __future__ import annotations

from testbed.checks.case import Case, Findings
from testbed.checks.verdict import Verdict
from testbed.journal import Leftover


def judge_leftovers(case: Case) -> Verdict | None:
    """The run leaves nothing behind: no fault, process, container or core file, and no full disk.

    The verdict is unknown if the run did not come to its end.

    Of a cluster that was left as it is, to be looked at, nothing is said.
    """
    if case.moment("kept") is not None:
        return None
    findings = Findings()
    for left in case.journal.of(Leftover):
        findings.fail(f"{left.what} on {left.where}: {left.detail}", node=left.where)
    if not case.complete:
        findings.doubt("the run did not come to its end, where it looks for what it left behind")
    return findings.verdict("leftovers", "" if findings.wrong or findings.doubtful else "nothing was left behind")
