"""Printing what a test measured."""

from __future__ import annotations

import json

import pytest

from testbed.incidents.runner import IncidentResult


class Echo:
    """Prints what a test measured, although pytest hides the output of passing tests."""

    def __init__(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._name = name
        self._capsys = capsys

    def __call__(self, text: str) -> None:
        with self._capsys.disabled():
            print(f"\n    {self._name}: {text}", end="", flush=True)

    def verdicts(self, result: IncidentResult) -> None:
        """Print the outages of a run and the phases of its failovers."""
        summary = json.loads((result.folder / "summary.json").read_text())
        # An outage without an end has no length in the summary.
        outages = {probe: each["longest"] for probe, each in summary["outages"].items() if each["longest"] != 0}
        printed = (f"{probe} {'endless' if length is None else f'{length:.2f} s'}" for probe, length in outages.items())
        self(", ".join(printed) or "no outage")
        for each in summary["phases"]:
            phases = ", ".join(f"{name} {at:+.2f} s" for name, at in each["seconds"].items() if at is not None)
            self(f"{each['resource']} from {each['source']} to {each['target']}: {phases}")
