"""Did the run itself come to its end, and is all of its journal there?"""

from __future__ import annotations

from testbed.checks.moments import mark
from testbed.checks.verdict import Evidence, Status, Verdict
from testbed.journal import Journal

RUN = "run"
JOURNAL = "journal"


def breakage(journal: Journal) -> list[Verdict]:
    """What went wrong with the measuring: nothing, when all is well."""
    verdicts = []
    end = mark(journal, "run-ends")
    if end is None:
        begun = mark(journal, "run-begins")
        evidence = (Evidence("the run begins", begun.at),) if begun else ()
        verdicts.append(Verdict(RUN, Status.UNKNOWN, "the journal does not tell of the run's end", evidence))
    elif error := end.attrs.get("error"):
        evidence = (Evidence(error, end.at, end.node),)
        verdicts.append(Verdict(RUN, Status.FAIL, f"the run broke: {error}", evidence))
    if journal.plan is None:
        verdicts.append(Verdict(RUN, Status.UNKNOWN, "the journal does not tell what was expected of the run"))
    if journal.damage:
        verdicts.append(Verdict(JOURNAL, Status.UNKNOWN, f"the journal is damaged: {journal.damage}"))
    return verdicts
