"""Can nothing but what may be reached be reached from outside?"""

from __future__ import annotations

from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Scan


def judge_isolation(run: RecordedRun) -> Verdict | None:
    """No port is open on the public network but those that may be. A scan that found no open port proves nothing."""
    scans = run.journal.of(Scan)
    if not scans and not run.expect.isolation:
        return None
    builder = VerdictBuilder()
    for scan in scans:
        where = f"{scan.node} ({scan.address}) from {scan.source}"
        if forbidden := sorted(set(scan.open) - set(scan.allowed)):
            builder.fail(f"{where}: port {', '.join(map(str, forbidden))} is open", node=scan.node)
        else:
            builder.note(f"{where}: {scan.ports} ports tried, open {_list(scan.open)}", node=scan.node)
    if not scans:
        builder.doubt("nothing was scanned")
    elif not any(scan.open for scan in scans):
        builder.doubt("the scan found no open port at all, not even those that may be open: it proves nothing")
    tried = sum(scan.ports for scan in scans)
    summary = f"{len(scans)} addresses and {tried} ports tried; {len(builder.wrong)} addresses with forbidden ports"
    return builder.verdict("isolation", summary if scans else "")


def _list(ports: tuple[int, ...]) -> str:
    return ", ".join(map(str, ports)) or "none"
