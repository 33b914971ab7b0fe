"""Checks: pure functions from what a journal holds to a verdict with its evidence."""

from testbed.checks.absences import Absence
from testbed.checks.check import Check, documentation, register
from testbed.checks.durability import Durability, check_durability
from testbed.checks.judge import judge
from testbed.checks.outage import OutageReport, check_outage, outage_of
from testbed.checks.phases import Phases, failovers
from testbed.checks.registry import CHECKS
from testbed.checks.states import Span, timelines
from testbed.checks.stickiness import Move, Stay, Stickiness, check_stickiness
from testbed.checks.verdict import Evidence, Status, Verdict, overall_status
from testbed.checks.windows import Window

__all__ = [
    "CHECKS",
    "Absence",
    "Check",
    "Durability",
    "Evidence",
    "Move",
    "OutageReport",
    "Phases",
    "Span",
    "Status",
    "Stay",
    "Stickiness",
    "Verdict",
    "Window",
    "check_durability",
    "check_outage",
    "check_stickiness",
    "documentation",
    "failovers",
    "judge",
    "outage_of",
    "overall_status",
    "register",
    "timelines",
]
