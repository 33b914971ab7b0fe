"""Can nothing but what may be reached be reached from outside?"""

from __future__ import annotations

from testbed.checks.case import Case, Findings
from testbed.checks.verdict import Verdict
from testbed.journal import Scan


def judge_isolation(case: Case) -> Verdict | None:
    """No port is open on the public network but those that may be. A scan that found no open port proves nothing."""
    scans = case.journal.of(Scan)
    if not scans and not case.expect.isolation:
        return None
    findings = Findings()
    for scan in scans:
        where = f"{scan.node} ({scan.address}) from {scan.source}"
        if forbidden := sorted(set(scan.open) - set(scan.allowed)):
            findings.fail(f"{where}: port {', '.join(map(str, forbidden))} is open", node=scan.node)
        else:
            findings.note(f"{where}: {scan.ports} ports tried, open {_list(scan.open)}", node=scan.node)
    if not scans:
        findings.doubt("nothing was scanned")
    elif not any(scan.open for scan in scans):
        findings.doubt("the scan found no open port at all, not even those that may be open: it proves nothing")
    tried = sum(scan.ports for scan in scans)
    summary = f"{len(scans)} addresses and {tried} ports tried; {len(findings.wrong)} addresses with forbidden ports"
    return findings.verdict("isolation", summary if scans else "")


def _list(ports: tuple[int, ...]) -> str:
    return ", ".join(map(str, ports)) or "none"
