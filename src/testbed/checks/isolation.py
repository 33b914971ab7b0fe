"""Can nothing but what may be reached be reached from outside?"""

from __future__ import annotations

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Scan


class IsolationCheck(Check):
    """Only the allowed ports are open on the public network."""

    name = "isolation"
    passes_if = "no port answered that may not"
    unknown_if = "the scan found no open port at all, not even one that may be open"
    asked_by = ("isolation",)
    judges = "every run with a scan"

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
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
        return builder.verdict(self.name, summary if scans else "")


def _list(ports: tuple[int, ...]) -> str:
    return ", ".join(map(str, ports)) or "none"
