"""The stand-in for a probe whose host name has no address: its samples record the failure."""

from __future__ import annotations

import time

from testbed.journal import Outcome, ProbeSample
from testbed.probes.open_loop import SampleCallback


class UnresolvedProbe:
    """Fails each time, with the reason.

    Args:
        name: the probe that it stands in for.
        why: why its host cannot be resolved.
    """

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self._why = why

    def begin(self, due: float, done: SampleCallback) -> None:
        """Record a failure."""
        now = time.monotonic()
        done(ProbeSample(self.name, due, now, now, Outcome.FAILED, self._why))

    async def close(self) -> None:
        """Do nothing."""
