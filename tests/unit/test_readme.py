"""README counts what there is, names the version, and `make test` does what README says of the cluster that is up."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from testbed.checks import CHECKS
from testbed.faults import FAULTS
from testbed.probes.probe_registry import PROBES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
NUMBERS = {5: "Five", 14: "Fourteen", 15: "Fifteen", 16: "Sixteen", 17: "Seventeen", 18: "Eighteen"}
# Records what it is asked to do; `status` prints what a file holds, and ends as for a cluster that is not healthy.
TESTBED = """#!/bin/bash
echo "$*" >>calls
if [ "$3" = --json ]; then cat status; exit 1; fi
"""


def test_the_version_is_the_packages() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^Version {re.escape(version)}\b", README, re.MULTILINE)


def test_readme_counts_what_there_is() -> None:
    text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", README)
    assert f"**{NUMBERS[len(FAULTS)]} faults**" in text
    assert f"**{NUMBERS[len(PROBES)]} probes**" in text
    assert f"**{NUMBERS[len(CHECKS)]} checks**" in text
    assert f"**{len(list((ROOT / 'incidents').glob('*.yaml')))} shipped incidents**" in text


@pytest.mark.parametrize(
    ("status", "last"),
    [
        ('{"power": {"db1": "on"}, "up_arguments": ["--sessions", "files"]}', "up --sessions files"),
        ('{"power": {"db1": "off"}, "up_arguments": ["--overlay", "hardened"]}', "up --overlay hardened"),
        ('{"power": {"db1": "on"}, "up_arguments": ["--app", "/srv/a $b"]}', "up --app /srv/a $b"),
        ('{"power": {}, "up_arguments": ["--sessions", "files"]}', "down"),
        ("", "down"),  # no engine
    ],
)
def test_make_test_leaves_a_cluster_where_one_was_up(tmp_path: Path, status: str, last: str) -> None:
    (tmp_path / "testbed").write_text(TESTBED)
    (tmp_path / "testbed").chmod(0o755)
    (tmp_path / "status").write_text(status)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    arguments = ["make", "--silent", "--assume-old=check", "test", "TESTBED=./testbed", "PYTEST=true", "STAMP="]
    subprocess.run(arguments, cwd=tmp_path, env=environment, check=True)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert "up --profile hardened" in calls
    assert calls[-1] == last
