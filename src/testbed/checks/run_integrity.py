"""Did the run itself come to its end, and is all of its journal there?"""

from __future__ import annotations

from testbed.checks.run_stages import PROGRAM_ENDED, first_mark
from testbed.checks.verdict import Evidence, Status, Verdict
from testbed.journal import Journal, Mark

RUN = "run"
STEPS = "steps"
JOURNAL = "journal"
_MISSED = {"step-failed": Status.FAIL, "step-unmeasured": Status.UNKNOWN}


def judge_run_integrity(journal: Journal) -> list[Verdict]:
    """What went wrong with the measuring: nothing, when all is well."""
    verdicts = []
    end = first_mark(journal, "run-ends")
    if end is None:
        begun = first_mark(journal, "run-begins")
        evidence = (Evidence("the run begins", begun.at),) if begun else ()
        verdicts.append(Verdict(RUN, Status.UNKNOWN, "the journal has no end of the run", evidence))
    elif error := end.attrs.get("error"):
        evidence = (Evidence(error, end.at, end.node),)
        verdicts.append(Verdict(RUN, Status.FAIL, f"the run broke: {error}", evidence))
    for ended in (each for each in journal.of(Mark) if each.name == PROGRAM_ENDED):
        text = f"{ended.attrs.get('measures')} ended before the run did: {ended.attrs.get('reason')}"
        verdicts.append(Verdict(RUN, Status.UNKNOWN, text, (Evidence(text, ended.at, ended.node),)))
    # What a step waited for and did not get is a finding about the cluster, not a breakage; it fails all the same.
    for mark in journal.of(Mark):
        if mark.name in _MISSED:
            text = f"step {mark.attrs.get('number')} ({mark.attrs.get('text')}): {mark.attrs.get('reason')}"
            verdicts.append(Verdict(STEPS, _MISSED[mark.name], text, (Evidence(text, mark.at),)))
    if journal.plan is None:
        verdicts.append(Verdict(RUN, Status.UNKNOWN, "the journal has no plan, so the expectations are unknown"))
    if journal.damage:
        verdicts.append(Verdict(JOURNAL, Status.UNKNOWN, f"the journal is damaged: {journal.damage}"))
    return verdicts
