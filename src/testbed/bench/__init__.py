"""Figures: measured several times, told as a distribution."""

from testbed.bench.failover import KINDS, Failover, repeated
from testbed.bench.idle import Idle, idle
from testbed.bench.overhead import Round, overhead
from testbed.bench.soak import Soaked, soak

__all__ = ["KINDS", "Failover", "Idle", "Round", "Soaked", "idle", "overhead", "repeated", "soak"]
