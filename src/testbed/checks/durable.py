"""Is every acknowledged write of the run there?"""

from __future__ import annotations

from testbed.checks.case import Case, Findings
from testbed.checks.durability import check_durability
from testbed.checks.verdict import Verdict
from testbed.journal import Settled


def judge_durability(case: Case) -> Verdict | None:
    """Compare what the writers were told with the table as it was read back; unknown if it was not.

    An incident always writes. Of a run without a timeline, such as a test's own, that has no writes nothing is said.
    """
    if "sql-write" not in case.journal.probes and case.plans_no("timeline"):
        return None
    findings = Findings()
    if case.moment("settled") is None:
        findings.doubt("the table was not read back: what became of the writes is not known")
        return findings.verdict("durability")
    found = check_durability(case.journal.probes.get("sql-write", ()), case.journal.of(Settled))
    for problem, tokens in (
        ("was acknowledged, and is not there", found.missing),
        ("is there more than once", found.duplicated),
        ("was refused, and is there nevertheless", found.refused),
        ("is there, and nobody wrote it", found.strangers),
    ):
        for token in tokens:
            findings.fail(f"{token} {problem}")
    for token in found.unsettled:
        findings.doubt(f"{token} was never looked for")
    if not found.acknowledged:
        findings.doubt("no write was acknowledged: nothing is proved")
    for text, tokens in (("is there", found.kept), ("is not there", found.dropped)):
        for token in tokens:
            findings.note(f"{token}, whose outcome was unknown, {text}")
    return findings.verdict("durability", found.explain())
