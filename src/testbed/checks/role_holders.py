"""Who held what, while it was of use to anyone."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType

from testbed.checks.recorded_run import RecordedRun
from testbed.checks.states import Span, spans_with_value, subtract_spans
from testbed.faults.fault_registry import recorded_action
from testbed.journal import Aspect

# The network on which each is of use, and the value that means it is held.
NETWORKS: Mapping[str, str] = MappingProxyType(
    {Aspect.SITE_ADDRESS: "public", Aspect.DATABASE_ADDRESS: "backend", Aspect.DRBD_ROLE: "backend"}
)
VALUES: Mapping[str, str] = MappingProxyType(
    {Aspect.SITE_ADDRESS: "held", Aspect.DATABASE_ADDRESS: "held", Aspect.DRBD_ROLE: "Primary"}
)


def reachable_holders(run: RecordedRun, aspect: str) -> dict[str, list[Span]]:
    """When each node held something that clients could use.

    What a frozen node holds, or one that is cut off from the network in question, is of no use until it thaws or is
    connected again; if it still holds it then, it counts.

    Args:
        run: the run.
        aspect: the site's or the database's address, or DRBD's role.
    """
    return {
        node: subtract_spans(spans, _gaps(run, node, NETWORKS[aspect]))
        for node, spans in spans_with_value(run.lines, aspect, VALUES[aspect]).items()
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
