"""Does a broken node come back without a second outage?

A node that comes back must not take the address: the serving node keeps it, so users notice nothing of the return.
"""

from __future__ import annotations

from dataclasses import replace

from testbed.checks.check import Check
from testbed.checks.outage import check_outage, is_certain
from testbed.checks.phases import ADDRESSES
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.states import spans_with_value
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.units import format_duration


class FailbackCheck(Check):
    """From the first heal after the last fault, no address moves, and no outage is longer than its limit."""

    name = "failback"
    passes_if = (
        "from the first heal after the last fault, no address moved, and no outage that began then was longer"
        " than its limit"
    )
    unknown_if = "nothing was healed after it, or no node held an address then"
    asked_by = ("max_outage_after_heal", "no_failback")

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        expect = run.expect
        builder = VerdictBuilder()
        healed = _healed(run)
        if healed is None:
            builder.doubt("nothing was healed after the last fault")
            return builder.verdict(self.name)
        for resource, aspect in ADDRESSES.items() if expect.no_failback else ():
            _judge_address(run, builder, resource, aspect, healed)
        for probe, limit in expect.max_outage_after_heal.items():
            _judge_probe(run, builder, probe, limit, healed)
        if not run.complete:
            builder.doubt("the run did not come to its end: it may have moved or failed later")
        return builder.verdict(self.name)


def _healed(run: RecordedRun) -> float | None:
    struck = max((fault.begins for fault in run.breakages), default=None)
    if struck is None:
        return None
    return min((at for fault in run.breakages if (at := fault.heal) is not None and at > struck), default=None)


def _judge_address(run: RecordedRun, builder: VerdictBuilder, resource: str, aspect: str, healed: float) -> None:
    """Of two that held the address then, as after a cut that neither noticed, the one that took it last serves."""
    spans = sorted(
        ((span, node) for node, of_node in spans_with_value(run.lines, aspect, "held").items() for span in of_node),
        key=lambda each: each[0].start,
    )
    holding = [(span, node) for span, node in spans if span.at(healed)]
    if not holding:
        if spans:
            builder.doubt(f"no node held the {resource} address when the heal began", healed)
        return
    serving, server = holding[-1]
    taken = next(((span, node) for span, node in spans if healed < span.start < run.end and node != server), None)
    if taken is not None:
        span, node = taken
        builder.fail(f"the {resource} address went from {server} to {node} after the heal", span.start, node)
    elif serving.end < run.end:
        builder.fail(f"{server} served at the {resource} address, and gave it up after the heal", serving.end, server)
    else:
        builder.note(f"the {resource} address stayed with {server}", healed, server)


def _judge_probe(run: RecordedRun, builder: VerdictBuilder, probe: str, limit: float, healed: float) -> None:
    series = run.journal.probes.get(probe)
    if series is None:
        builder.doubt(f"{probe} was not probed")
        return
    stops = run.standstills.get(probe, ())
    report = check_outage(series, limit=limit, begin=healed, end=run.end, stops=stops)
    # An outage that began before the heal has another cause than the return.
    report = replace(report, windows=tuple(window for window in report.windows if window.first_bad >= healed))
    for window in (*report.excessive, *report.possible):
        text = f"{probe}: an outage of {window.seconds:.3f} s after the heal, allowed {format_duration(limit)}"
        if window.stops:
            text += f"; {window.describe_prober()}"
        (builder.fail if is_certain(run, report, window) else builder.doubt)(text, window.first_bad)
    if not report.excessive and not report.possible:
        builder.note(f"{probe}, after the heal: {report.short_summary()}", healed)
