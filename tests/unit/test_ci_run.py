"""What a CI run stops before it begins: clusters that an earlier run left, and no others."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci" / "run"
# A Docker client: it lists the rows of a file, and records what it kills.
DOCKER = """#!/bin/bash
last=${!#}
case "$*" in
info) ;;
"ps --filter "*) cat rows ;;
"ps --quiet --filter label=org.testbed.cluster="*) echo "all-of-${last##*=}" ;;
"kill "*) echo "${@:2}" >>killed ;;
*) exit 1 ;;
esac
"""


@pytest.mark.parametrize(
    ("rows", "killed"),
    [
        ("", ""),
        ("c2 /builds/deleted/compose\n", "all-of-c2\n"),
        ("c2 {here}/compose\n", "all-of-c2\n"),
        ("c2 \nc2 /builds/deleted/compose\n", "all-of-c2\n"),
        ("c1 {here}/compose\n", ""),  # this checkout's own
        ("c2 {here}/of another user/compose\n", ""),
        ("c2 \nc2 {here}/of another user/compose\nc3 /builds/deleted/compose\n", "all-of-c3\n"),
    ],
)
def test_ci_stops_what_an_earlier_run_left_and_nothing_that_a_folder_uses(
    tmp_path: Path, rows: str, killed: str
) -> None:
    for folder in (".testbed", "compose", "bin", "of another user/compose"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".testbed" / "cluster-id").write_text("c1\n")
    (tmp_path / "rows").write_text(rows.format(here=tmp_path))
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    (tmp_path / "killed").touch()
    function = re.search(r"^stop_abandoned\(\) \{$.*?^\}$", RUN.read_text(), re.MULTILINE | re.DOTALL)
    assert function
    script = f"set -euo pipefail\n{function[0]}\nstop_abandoned"
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "killed").read_text() == killed
