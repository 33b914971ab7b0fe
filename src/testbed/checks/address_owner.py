"""Who holds each virtual address at the end?"""

from __future__ import annotations

from testbed.checks.case import Case, Findings
from testbed.checks.holding import usable
from testbed.checks.phases import ADDRESSES
from testbed.checks.verdict import Verdict


def judge_address_owner(case: Case) -> Verdict | None:
    """Each virtual address is at the end on the expected node: the one of the steady state, or its peer."""
    if not case.expect.address_owner:
        return None
    findings = Findings()
    begin, end = case.moment("steady"), case.moment("timeline-done")
    for resource, wanted in case.expect.address_owner.items():
        if begin is None or end is None:
            findings.doubt("the journal does not tell of the steady state, or of the timeline's end")
            break
        holders = usable(case, ADDRESSES[resource])
        at_first, at_last = ({n for n, spans in holders.items() if any(s.at(t) for s in spans)} for t in (begin, end))
        then, now = (" and ".join(sorted(names)) or "nobody" for names in (at_first, at_last))
        text = f"the {resource} address was held by {then}, at the end by {now}; expected: {wanted}"
        if not at_first:
            findings.doubt(text, begin)
        elif (at_last & at_first) if wanted == "unchanged" else (at_last - at_first and not at_last & at_first):
            findings.note(text, end)
        else:
            findings.fail(text, end)
    return findings.verdict("address-owner")
