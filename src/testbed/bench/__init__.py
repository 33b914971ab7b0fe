"""Figures: measured several times, told as a distribution."""

from testbed.bench.failover import KINDS, Failover, repeated
from testbed.bench.idle import Idle, idle
from testbed.bench.overhead import Round, overhead

__all__ = ["KINDS", "Failover", "Idle", "Round", "idle", "overhead", "repeated"]
