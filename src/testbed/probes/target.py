"""A probe and how it is run."""

from __future__ import annotations

import math
from typing import NamedTuple

from testbed.probes.openloop import Probe


class Target(NamedTuple):
    """A probe that is ready to begin.

    Args:
        probe: what is probed.
        outstanding: how many of it may be under way at once.
    """

    probe: Probe
    outstanding: int


def within(seconds: float, interval: float) -> int:
    """How many probes begin within a probe's longest time, which is how many can be under way."""
    return math.ceil(seconds / interval) + 2
