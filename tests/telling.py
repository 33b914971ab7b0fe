"""Telling what was measured."""

from __future__ import annotations

import json

import pytest

from testbed.incidents.runner import IncidentResult


class Tell:
    """Tells what was measured, and keeps it for JUnit."""

    def __init__(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._name = name
        self._capsys = capsys

    def __call__(self, text: str) -> None:
        with self._capsys.disabled():
            print(f"\n    {self._name}: {text}", end="", flush=True)

    def verdicts(self, result: IncidentResult) -> None:
        """What a run came to: its outages and the phases of its failovers."""
        summary = json.loads((result.folder / "summary.json").read_text())
        # An outage without an end has no length in the summary.
        felt = {probe: each["longest"] for probe, each in summary["outages"].items() if each["longest"] != 0}
        told = (f"{probe} {'endless' if length is None else f'{length:.2f} s'}" for probe, length in felt.items())
        self(", ".join(told) or "no outage")
        for each in summary["phases"]:
            phases = ", ".join(f"{name} {at:+.2f} s" for name, at in each["seconds"].items() if at is not None)
            self(f"{each['resource']} from {each['source']} to {each['target']}: {phases}")
