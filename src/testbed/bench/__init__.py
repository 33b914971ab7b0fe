"""Figures: measured several times, reported as a distribution."""

from testbed.bench.failover import KINDS, Failover, repeat_failovers
from testbed.bench.idle import Idle, idle
from testbed.bench.overhead import Round, overhead
from testbed.bench.soak import SoakResult, soak
from testbed.bench.work import Work, work

__all__ = [
    "KINDS",
    "Failover",
    "Idle",
    "Round",
    "SoakResult",
    "Work",
    "idle",
    "overhead",
    "repeat_failovers",
    "soak",
    "work",
]
