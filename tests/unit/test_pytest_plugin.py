"""The pytest plugin in somebody's project: what it collects, and what it says without a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pytest_in(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


def test_every_incident_is_a_test() -> None:
    told = pytest_in(ROOT, "--collect-only", "-q", "scenarios").stdout
    for path in (ROOT / "scenarios").glob("*.yaml"):
        assert f"scenarios/{path.name}::{path.stem}" in told


def test_yaml_is_left_alone_unless_its_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "incidents").mkdir()
    (tmp_path / "incidents" / "mine.yaml").write_text("name: mine\n")
    (tmp_path / "data.yaml").write_text("a: 1\n")
    assert "no tests collected" in pytest_in(tmp_path, "--collect-only", "-q").stdout
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestbed_scenarios = incidents\n")
    told = pytest_in(tmp_path, "--collect-only", "-q").stdout
    assert "incidents/mine.yaml::mine" in told
    assert "data.yaml" not in told


def test_a_wrong_incident_fails_in_one_line_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestbed_scenarios = scenarios\n")
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "mine.yaml").write_text(
        "name: mine\nwhy: to see what is said\nlod: {}\ntimeline: [{for: 5s}]\n"
    )
    result = pytest_in(tmp_path, "-q", "scenarios/mine.yaml", COMPOSE_PROJECT_NAME="nobodys")
    assert result.returncode == 1
    assert "mine.yaml:3:1: unknown key 'lod'" in result.stdout
    assert "Traceback" not in result.stdout


def test_fixtures_say_that_no_cluster_is_up(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_it(testbed):\n    pass\n")
    result = pytest_in(tmp_path, "-q", COMPOSE_PROJECT_NAME="nobodys")
    assert result.returncode == 1
    assert "no cluster is up; run `make testbed-up` first" in result.stdout or "engine" in result.stdout
    assert "Traceback" not in result.stdout
