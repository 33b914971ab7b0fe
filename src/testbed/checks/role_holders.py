"""Who held what, while it was of use to anyone."""

from __future__ import annotations

from math import inf

from testbed.checks.recorded_run import RecordedRun
from testbed.checks.states import Span, spans_with_value, subtract_spans
from testbed.faults.fault_registry import recorded_action
from testbed.journal import Aspect


def held_values(run: RecordedRun) -> dict[str, str]:
    """Return the aspects that have one owner at most, each with the value that means it is held."""
    aspect, value = run.design.recorded.primary
    return {Aspect.SITE_ADDRESS: "held", Aspect.DATABASE_ADDRESS: "held", aspect: value}


def reachable_holders(run: RecordedRun, aspect: str) -> dict[str, list[Span]]:
    """When each node held something that clients could use.

    What a frozen node holds, or one that is cut off from the network in question, is of no use until it thaws or is
    connected again; if it still holds it then, it counts.

    Args:
        run: the run.
        aspect: the site's or the database's address, or the database's primary role.
    """
    # The network on which it is of use.
    network = "public" if aspect == Aspect.SITE_ADDRESS else "backend"
    return {
        node: subtract_spans(spans, _gaps(run, node, network))
        for node, spans in spans_with_value(run.lines, aspect, held_values(run)[aspect]).items()
    }


def _gaps(run: RecordedRun, node: str, network: str) -> list[Span]:
    frozen = [span for span in run.lines.get((node, Aspect.POWER), ()) if span.value == "frozen"]
    cut = []
    for fault in run.faults:
        options = dict(fault.options)
        networks = options.get("network", "").replace(",", " ").split()
        action = recorded_action(fault.name)
        wholly = action is not None and action.cuts_network and options.get("direction", "both") == "both"
        if fault.node == node and wholly and (not networks or network in networks or "all" in networks):
            cut.append(Span(fault.begins, inf if fault.healed is None else fault.healed, fault.name))
    return [*frozen, *cut]
