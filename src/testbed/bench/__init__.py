"""Figures: measured several times, told as a distribution."""

from testbed.bench.failover import KINDS, Failover, repeated
from testbed.bench.idle import Idle, idle
from testbed.bench.overhead import Round, overhead
from testbed.bench.soak import Soaked, soak
from testbed.bench.work import Work, work

__all__ = [
    "KINDS",
    "Failover",
    "Idle",
    "Round",
    "Soaked",
    "Work",
    "idle",
    "overhead",
    "repeated",
    "soak",
    "work",
]
