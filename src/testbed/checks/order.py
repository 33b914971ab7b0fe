"""Did service come back in every failover, each phase after those it depends on?"""

from __future__ import annotations

from testbed.checks.case import Case, Findings
from testbed.checks.phases import failovers
from testbed.checks.verdict import Verdict


def judge_phases(case: Case) -> Verdict | None:
    """Every failover's phases are told and in order; nothing is said of a run without a failover.

    How soon service must come back is for the outage check. A failover that nobody felt is none that failed; nor is
    one that was refused, where the incident expects that service stops.
    """
    every = failovers(case.journal)
    if not every:
        return None
    findings = Findings()
    for phases in every:
        lost = bool(phases.away) and not case.expect.stopped
        if phases.disorder or (lost and case.complete):
            findings.fail(phases.explain(), phases.at, phases.target)
        else:
            (findings.doubt if lost else findings.note)(phases.explain(), phases.at, phases.target)
    return findings.verdict("phases", " ".join(phases.explain() for phases in every))
