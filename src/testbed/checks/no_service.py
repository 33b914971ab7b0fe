"""Was there no service where there must be none, rather than lost data?"""

from __future__ import annotations

from bisect import bisect_right
from math import inf

from testbed.checks.case import Case, Findings
from testbed.checks.verdict import Verdict


def judge_no_service(case: Case) -> Verdict | None:
    """The named probes get no good answer from the last fault to the first heal after it."""
    if not case.expect.no_service_until_heal:
        return None
    findings = Findings()
    struck = [fault for fault in case.breakages if fault.injected is not None]
    if not struck:
        findings.doubt("no fault was injected")
        return findings.verdict("no-service")
    begin = max(fault.injected or -inf for fault in struck)
    heals = [fault.heal for fault in case.breakages if fault.heal is not None and fault.heal > begin]
    end = min(heals, default=inf)
    for probe in case.expect.no_service_until_heal:
        _judge_probe(case, findings, probe, begin, end)
    return findings.verdict("no-service")


def _judge_probe(case: Case, findings: Findings, probe: str, begin: float, end: float) -> None:
    series = case.journal.probes.get(probe)
    if series is None:
        findings.doubt(f"{probe} was not probed")
        return
    # In the order in which they were due; none can have started before.
    first = bisect_right(series.scheduled, begin)
    sent = [place for place in range(first, len(series)) if begin < series.started[place] < end]
    good = [place for place in sent if series.outcomes[place] == 0 and series.finished[place] < end]
    if not sent:
        findings.doubt(f"{probe} was not probed between the fault and its healing")
    elif good:
        findings.fail(f"{probe} had {len(good)} good answers, though service had to stop", series.finished[good[0]])
    else:
        findings.note(f"{probe} had no good answer to {len(sent)} probes after the last fault", begin)
