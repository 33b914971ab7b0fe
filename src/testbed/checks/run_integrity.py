"""Did the run itself come to its end, and is all of its journal there?"""

from __future__ import annotations

from testbed.checks.run_stages import first_mark
from testbed.checks.verdict import Evidence, Status, Verdict
from testbed.journal import Journal, Mark

RUN = "run"
STEPS = "steps"
JOURNAL = "journal"


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
    # What a step waited for and did not get is a finding about the cluster, not a breakage; it fails all the same.
    for failed in (each for each in journal.of(Mark) if each.name == "step-failed"):
        text = f"step {failed.attrs.get('number')} ({failed.attrs.get('text')}): {failed.attrs.get('reason')}"
        verdicts.append(Verdict(STEPS, Status.FAIL, text, (Evidence(text, failed.at),)))
    if journal.plan is None:
        verdicts.append(Verdict(RUN, Status.UNKNOWN, "the journal has no plan, so the expectations are unknown"))
    if journal.damage:
        verdicts.append(Verdict(JOURNAL, Status.UNKNOWN, f"the journal is damaged: {journal.damage}"))
    return verdicts
