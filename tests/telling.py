"""Telling what was measured."""

from __future__ import annotations

import pytest

from testbed.checks import Phases
from testbed.scenarios import Recording


class Tell:
    """Tells what was measured, and keeps it for JUnit."""

    def __init__(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._name = name
        self._capsys = capsys

    def __call__(self, text: str) -> None:
        with self._capsys.disabled():
            print(f"\n    {self._name}: {text}", end="", flush=True)

    def outage(self, recording: Recording, probe: str) -> None:
        """The outage a probe saw."""
        worst = recording.outage(probe).longest
        self(f"{probe} outage {worst.seconds:.2f} s" if worst else f"{probe}: no outage")

    def phases(self, phases: Phases) -> None:
        """The phases of the failover, as far as known."""
        self(", ".join(f"{name} {at:+.2f} s" for name, at in phases.rows() if at is not None))
