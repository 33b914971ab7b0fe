"""Did each session stay on its app node, and were exactly those lost whose node was gone?"""

from __future__ import annotations

from testbed.checks.absences import absences
from testbed.checks.case import Case, Findings
from testbed.checks.stickiness import Stickiness, check_stickiness
from testbed.checks.verdict import Verdict
from testbed.journal import RequestSample


def stickiness(case: Case) -> Stickiness:
    """The sessions of a run, with the causes of their moves."""
    requests = case.journal.of(RequestSample)
    nodes = {request.app for request in requests if request.app}
    return check_stickiness(requests, absences(nodes, case.faults, case.lines))


def judge_stickiness(case: Case) -> Verdict | None:
    """Every move has a cause in the journal; sessions lost are exactly those of absent nodes."""
    if not case.journal.of(RequestSample) and case.plans_no("load"):
        return None
    found = stickiness(case)
    findings = Findings()
    for move in found.moves:
        text = f"session {move.session} went from {move.source} to {move.target}"
        if move.cause:
            findings.note(f"{text}: {move.cause.why}", move.at, move.source)
        else:
            findings.fail(f"{text} without a cause", move.at, move.source)
    for session in found.strays:
        findings.fail(f"session {session} was lost, though its node was there")
    for session in found.survivors:
        # What told that it was lost may be what the journal does not hold.
        (findings.fail if case.complete else findings.doubt)(
            f"session {session} was not lost, though its node was gone"
        )
    if not found.matrix:
        findings.doubt("no session was answered by any app node")
    elif case.expect.doomed and not found.doomed:
        findings.doubt("no session lived on a node that died: stickiness was not tried")
    return findings.verdict("stickiness", found.explain())
