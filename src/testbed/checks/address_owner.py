"""Who holds each virtual address at the end?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from testbed.checks.check import Check
from testbed.checks.phases import ADDRESSES
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.role_holders import reachable_holders
from testbed.checks.states import Span
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder


class AddressOwnerCheck(Check):
    """Each virtual address is at the end on the expected node: the node of the steady state, or its peer."""

    name = "address-owner"
    passes_if = "each virtual address is at the end on the expected node"
    unknown_if = "the steady state or the end is missing in the journal"
    asked_by = ("address_owner",)

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        builder = VerdictBuilder()
        begin, end = run.stage_time("steady"), run.stage_time("timeline-done")
        for resource, wanted in run.expect.address_owner.items():
            if begin is None or end is None:
                builder.doubt("the journal has no steady state or no end of the steps")
                break
            holders = reachable_holders(run, ADDRESSES[resource])
            at_first, at_last = _holders_at(holders, begin), _holders_at(holders, end)
            then, now = (" and ".join(sorted(names)) or "no node" for names in (at_first, at_last))
            text = f"the {resource} address was held by {then}, at the end by {now}; expected: {wanted}"
            if not at_first:
                builder.doubt(text, begin)
            elif (at_last & at_first) if wanted == "unchanged" else (at_last - at_first and not at_last & at_first):
                builder.note(text, end)
            else:
                builder.fail(text, end)
        return builder.verdict(self.name)


def _holders_at(holders: Mapping[str, Sequence[Span]], moment: float) -> set[str]:
    return {node for node, spans in holders.items() if any(span.at(moment) for span in spans)}
