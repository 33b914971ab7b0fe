"""Telling what was measured."""

from __future__ import annotations

import json

import pytest

from testbed.scenarios.runner import Result


class Tell:
    """Tells what was measured, and keeps it for JUnit."""

    def __init__(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._name = name
        self._capsys = capsys

    def __call__(self, text: str) -> None:
        with self._capsys.disabled():
            print(f"\n    {self._name}: {text}", end="", flush=True)

    def verdicts(self, result: Result) -> None:
        """What a run came to: its outages and the phases of its failovers."""
        summary = json.loads((result.folder / "summary.json").read_text())
        for probe, outage in summary["outages"].items():
            self(f"{probe}: longest outage {outage['longest']} s")
        for failover in summary["phases"]:
            self(str(failover))
