"""A new fault, probe and check: each is a file and a line of its registry, and appears everywhere.

A copy of testbed gets three classes. Programs then run in that copy.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAULT = '''
"""A fault for a test."""

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine


class Hiccup(MachineFault[NoOptions]):
    """Does nothing."""

    name = "hiccup"
    effect = "the node pauses for a moment"
    healing = "wait"
    Options = NoOptions
    stops_node = True

    def inject(self, machine: Machine, options: NoOptions) -> None:
        """Do nothing."""

    def heal(self, machine: Machine, options: NoOptions) -> None:
        """Do nothing."""
'''
PROBE = '''
"""A probe for a test."""

from testbed.probes.probe_type import PreparedProbe
from testbed.probes.tcp import TcpProbe


class PingProbe(TcpProbe):
    """Connects, as its parent does."""

    name = "ping"
    summary = "asks for an echo"
    unit = "echo"
    interval = 0.5
    resources = ("site",)
'''
CHECK = '''
"""A check for a test."""

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder


class SanityCheck(Check):
    """The journal has events."""

    name = "sanity"
    passes_if = "the journal has an event"
    unknown_if = "never"
    judges = "every run"

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return a verdict."""
        return VerdictBuilder().verdict(self.name, "the journal is sane")
'''
REGISTRIES = {
    "faults/hiccup.py": (FAULT, "faults/fault_registry.py", "_ALL: ", "Hiccup(),", "testbed.faults.hiccup", "Hiccup"),
    "probes/ping.py": (PROBE, "probes/probe_registry.py", "_ALL: ", "PingProbe,", "testbed.probes.ping", "PingProbe"),
    "checks/sanity.py": (
        CHECK, "checks/registry.py", "for _check in (", "SanityCheck(),", "testbed.checks.sanity", "SanityCheck"
    ),
}  # fmt: skip
PROGRAM = """
import json, sys
from pathlib import Path
import docs_reference
import report_forge
from testbed.hunt.sequence import PROBE_INTERVALS
from testbed.journal.events import FaultStep, ProbeSample, Outcome
from testbed.report.files import write_report

class Forge(report_forge.Forge):
    def _stages(self):
        super()._stages()
        for step, at in (("inject", 21), ("injected", 21.1), ("heal", 22), ("healed", 22.1)):
            self._add(at, FaultStep("hiccup-db2", step, "hiccup", "db2", "db2"))
        for number in range(40):
            at = report_forge.BASE + number
            self._add(number, ProbeSample("ping", at, at, at + 0.001, Outcome.OK))

folder = Forge(seconds=60).write(Path(sys.argv[1]))
write_report(folder)
pages = docs_reference.pages()
print(json.dumps({"reference": pages, "page": (folder / "report.html").read_text(),
                  "summary": json.loads((folder / "summary.json").read_text())}))
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of testbed with one fault, probe and check more."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tools", copy / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("compose", "incidents", "docs", "pyproject.toml"):
        (copy / part).symlink_to(ROOT / part)
    for name, (text, registry, begin, entry, module, cls) in REGISTRIES.items():
        package = copy / "src" / "testbed"
        (package / name).write_text(text.lstrip())
        lines = (package / registry).read_text().splitlines()
        place = next(number for number, line in enumerate(lines) if line.startswith(begin))
        lines.insert(place + 1, f"    {entry}")
        imports = next(number for number, line in enumerate(lines) if line.startswith("from testbed."))
        lines.insert(imports, f"from {module} import {cls}")
        (package / registry).write_text("\n".join(lines) + "\n")
    return copy


def run(copy: Path, *arguments: str) -> str:
    """Run Python in the copy, and return its output."""
    paths = [copy / "src", copy / "tools", ROOT / "tests" / "unit"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def testbed(copy: Path, *arguments: str) -> str:
    return run(copy, "-c", "from testbed.cli import main; main()", *arguments)


testbed.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def made(extended: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The reference, and the report of a forged run with the new fault and probe."""
    found: dict[str, Any] = json.loads(run(extended, "-c", PROGRAM, str(tmp_path_factory.mktemp("run"))))
    return found


def test_a_new_fault_is_in_help_and_in_the_list_of_faults(extended: Path) -> None:
    assert "hiccup: the node pauses for a moment; heal: wait" in testbed(extended, "fault", "--help")
    assert "hiccup" in testbed(extended, "faults")


def test_a_new_probe_is_in_the_help_of_the_probes_program(extended: Path) -> None:
    assert "ping" in run(extended, "-m", "testbed.probes", "--help")


def test_new_kinds_are_in_the_schema_of_incidents(extended: Path) -> None:
    schema = testbed(extended, "schema", "incident")
    document = json.loads(schema)
    injected = document["$defs"]["Step"]["properties"]["inject"]["anyOf"]
    assert {"const": "hiccup", "description": "the node pauses for a moment; heal: wait"} in injected
    assert "ping" in document["properties"]["probe_intervals"]["propertyNames"]["anyOf"][0]["enum"]
    assert '"sanity"' in schema


def test_new_kinds_are_in_the_reference(made: dict[str, Any]) -> None:
    pages = made["reference"]
    assert "## hiccup\n\nThe node pauses for a moment. `heal`: wait." in pages["reference/faults.md"]
    assert "| `ping` | asks for an echo | echo |" in pages["reference/probes.md"]
    assert "`sanity`" in pages["reference/checks.md"]


def test_new_kinds_are_in_the_report(made: dict[str, Any]) -> None:
    assert "hiccup" in made["page"]
    assert "ping" in made["page"]
    verdicts = {check["name"]: check["summary"] for check in made["summary"]["checks"]}
    assert verdicts["sanity"] == "the journal is sane"
    assert "ping" in made["summary"]["outages"]
