"""A probe whose target cannot be found: that is a finding too."""

from __future__ import annotations

import time

from testbed.journal import Outcome, ProbeSample
from testbed.probes.openloop import Done


class NowhereProbe:
    """Fails each time, with the reason.

    Args:
        name: the probe it stands for.
        why: why its target cannot be probed.
    """

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self._why = why

    def begin(self, due: float, done: Done) -> None:
        """Probe once."""
        now = time.monotonic()
        done(ProbeSample(self.name, due, now, now, Outcome.FAILED, self._why))

    async def close(self) -> None:
        """Nothing is kept."""
