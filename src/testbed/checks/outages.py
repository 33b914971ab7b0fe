"""Was no probe without good answers for longer than it may be, and was the fault felt?"""

from __future__ import annotations

from math import inf

from testbed.checks.case import Case, Findings
from testbed.checks.outage import OutageReport, Window, check_outage
from testbed.checks.verdict import Verdict
from testbed.units import written


def judge_outage(case: Case) -> Verdict | None:
    """Hold each probe's outages against its ceiling.

    Only outages that began between the steady state and the timeline's end count, each to its own end.
    """
    expect = case.expect
    probes = sorted({*expect.outage, *expect.felt})
    if not probes:
        return None
    findings = Findings()
    told = []
    for probe in probes:
        series = case.journal.probes.get(probe)
        if series is None:
            findings.doubt(f"{probe} was not probed")
            continue
        report = check_outage(series, ceiling=expect.outage.get(probe), begin=case.begin, end=case.end)
        told.append(f"{probe}: {report.explain()}")
        _judge_probe(case, findings, probe, report)
    return findings.verdict("outage", " ".join(told))


def _judge_probe(case: Case, findings: Findings, probe: str, report: OutageReport) -> None:
    if not report.good:
        findings.doubt(f"{probe} had no good answer at all")
    if probe in case.expect.felt and not report.windows:
        (findings.fail if case.complete else findings.doubt)(f"{probe} saw no outage: the fault was not felt")
    excessive = set(report.excessive)
    for window in report.windows:
        told = _told(probe, window, report.ceiling)
        if window not in excessive:
            findings.note(told, window.first_bad)
        elif _is_certain(case, window, report.ceiling or 0.0):
            findings.fail(told, window.first_bad)
        else:
            findings.doubt(told, window.first_bad)


def _is_certain(case: Case, window: Window, ceiling: float) -> bool:
    """An outage whose begin or end the journal may just not hold proves no more than the probes that saw it."""
    begun = window.last_good is not None or case.begin > -inf
    ended = window.first_good is not None or case.complete
    return (begun and ended) or window.proven > ceiling


def _told(probe: str, window: Window, ceiling: float | None) -> str:
    text = f"{probe}: an outage of {window.seconds:.3f} s, {window.failed} failed, {window.unknown} unknown"
    if ceiling is not None:
        text += f", allowed {written(ceiling)}"
    return f"{text} ({window.detail})" if window.detail else text
