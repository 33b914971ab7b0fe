"""Did the cluster become healthy by itself after the last heal?"""

from __future__ import annotations

from math import inf

from testbed.checks.case import Case, Findings
from testbed.checks.verdict import Verdict
from testbed.journal import Mark

HEALTHY = "healthy"
REPAIRED = "testbed repaired the cluster: "


def judge_healthy(case: Case) -> Verdict | None:
    """The cluster becomes healthy at the end of the run without a repair.

    The verdict is unknown if the run did not come to its end.

    Returns:
        None for a cluster that was kept as it is: nothing was healed there.
    """
    if case.moment("kept") is not None:
        return None
    done = case.moment("timeline-done")
    after = -inf if done is None else done
    findings = Findings()
    for mark in case.journal.of(Mark):
        if mark.name == "not-healthy":
            findings.fail(mark.attrs.get("reason", "the cluster did not become healthy"), mark.at)
        elif mark.name == "repaired" and mark.at >= after:
            findings.fail(f"{REPAIRED}{mark.attrs.get('what')}", mark.at)
    if not case.complete:
        findings.doubt("the run did not come to its end, where it waits for a healthy cluster")
    healthy = not (findings.wrong or findings.doubtful)
    return findings.verdict(HEALTHY, "the cluster became healthy by itself" if healthy else "")
