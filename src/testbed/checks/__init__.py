"""Checks: pure functions from what a journal holds to a verdict with its evidence."""

from testbed.checks.durability import Durability, check_durability
from testbed.checks.outage import OutageReport, Window, check_outage
from testbed.checks.phases import NodeEvent, Phases, failover_phases, node_events
from testbed.checks.stickiness import Death, Move, Stay, Stickiness, check_stickiness

__all__ = [
    "Death",
    "Durability",
    "Move",
    "NodeEvent",
    "OutageReport",
    "Phases",
    "Stay",
    "Stickiness",
    "Window",
    "check_durability",
    "check_outage",
    "check_stickiness",
    "failover_phases",
    "node_events",
]
