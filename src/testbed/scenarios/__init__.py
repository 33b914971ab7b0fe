"""Failovers as experiments: load, probes, a fault, and what was seen."""

from testbed.scenarios.recording import Recording
from testbed.scenarios.trial import Trial

__all__ = ["Recording", "Trial"]
