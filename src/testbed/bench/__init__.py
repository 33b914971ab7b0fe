"""Figures: measured several times, told as a distribution."""

from testbed.bench.distribution import Distribution
from testbed.bench.failover import KINDS, failovers
from testbed.bench.idle import Idle, idle

__all__ = ["KINDS", "Distribution", "Idle", "failovers", "idle"]
