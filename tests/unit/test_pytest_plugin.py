"""The pytest plugin in somebody's project: what it collects, and what it says without a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_in(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


def test_every_incident_is_a_test() -> None:
    output = pytest_in(ROOT, "--collect-only", "-q", "incidents").stdout
    for path in (ROOT / "incidents").glob("*.yaml"):
        assert f"incidents/{path.name}::{path.stem}" in output


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with incidents in a folder of its tests, and with other YAML."""
    for name in ("tests/incidents/mine.yaml", "tests/incidents/deep/other.yml", "tests/more/third.yaml", "data.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("name: mine\n")
    (tmp_path / "tests" / "incidents" / "README.md").write_text("What is in it.\n")
    (tmp_path / "tests" / "none").mkdir()
    return tmp_path


def test_yaml_is_left_alone_unless_it_is_named(project: Path) -> None:
    output = pytest_in(project, "--collect-only", "-q").stdout
    assert "no tests collected" in output
    assert "warning" not in output


@pytest.mark.parametrize(
    ("setting", "collected"),
    [
        ("tests/incidents", {"tests/incidents/mine.yaml::mine", "tests/incidents/deep/other.yml::other"}),
        ("tests/incidents/", {"tests/incidents/mine.yaml::mine", "tests/incidents/deep/other.yml::other"}),
        ("tests/more/third.yaml", {"tests/more/third.yaml::third"}),
        ("tests/incidents/deep tests/more", {"tests/incidents/deep/other.yml::other", "tests/more/third.yaml::third"}),
    ],
)
def test_the_setting_names_files_and_folders(project: Path, setting: str, collected: set[str]) -> None:
    (project / "pytest.ini").write_text(f"[pytest]\ntestbed_incidents = {setting}\n")
    output = pytest_in(project, "--collect-only", "-q").stdout
    assert {line for line in output.splitlines() if "::" in line} == collected
    assert "warning" not in output
    (folder := project / "tests" / "unit").mkdir()
    output = pytest_in(folder, "--collect-only", "-q", *(str(project / each) for each in setting.split())).stdout
    assert sum("::" in line for line in output.splitlines()) == len(collected)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("incidents", "no such path"),
        ("tests/none", "no *.yaml or *.yml is in it"),
        ("tests/incidents/README.md", "no *.yaml or *.yml is in it"),
    ],
)
def test_a_setting_that_collects_nothing_is_warned_of(project: Path, entry: str, reason: str) -> None:
    (project / "pytest.ini").write_text(f"[pytest]\ntestbed_incidents = tests/more {entry}\n")
    result = pytest_in(project, "--collect-only", "-q")
    assert "tests/more/third.yaml::third" in result.stdout
    warning = (
        f"PytestConfigWarning: testbed_incidents = '{entry}' collects nothing: {reason}; name a file or folder below"
    )
    assert warning in result.stdout
    assert result.stdout.count("collects nothing") == 1


def test_a_project_that_makes_errors_of_warnings_gets_one_line(project: Path) -> None:
    (project / "pytest.ini").write_text("[pytest]\ntestbed_incidents = incidents\nfilterwarnings = error\n")
    result = pytest_in(project, "--collect-only", "-q")
    assert result.returncode == 4
    assert "ERROR: testbed_incidents = 'incidents' collects nothing" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_settings_former_name_is_answered_with_the_new_one(project: Path) -> None:
    (project / "pytest.ini").write_text("[pytest]\ntestbed_scenarios = tests/more\n")
    result = pytest_in(project, "--collect-only", "-q")
    assert result.returncode == 4
    assert "ERROR: testbed_scenarios was renamed; write testbed_incidents" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("option", "answer"),
    [
        ("--testbed-keep", "--testbed-keep was renamed; write --testbed-no-heal"),
        ("--testbed-wait=60", "'60' is not a duration: write a number with its unit, as 200ms, 30s, 2m or 8h"),
    ],
)
def test_an_old_option_is_answered_in_one_line(project: Path, option: str, answer: str) -> None:
    result = pytest_in(project, "--collect-only", "-q", option)
    assert result.returncode == 4
    assert answer in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_incident_fails_in_one_line_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestbed_incidents = incidents\n")
    (tmp_path / "incidents").mkdir()
    (tmp_path / "incidents" / "mine.yaml").write_text(
        "name: mine\ntitle: It sleeps\nwhy: to see what is said\nlod: {}\nsteps: [{sleep: 5s}]\n"
    )
    result = pytest_in(
        tmp_path, "-q", "incidents/mine.yaml", COMPOSE_PROJECT_NAME="nobodys", TESTBED_STATE=str(tmp_path / "state")
    )
    assert result.returncode == 1
    assert "mine.yaml:4:1: unknown key 'lod'" in result.stdout
    assert "Traceback" not in result.stdout


def test_fixtures_report_that_no_cluster_is_up(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text("def test_it(testbed):\n    pass\n")
    result = pytest_in(tmp_path, "-q", COMPOSE_PROJECT_NAME="nobodys", TESTBED_STATE=str(tmp_path / "state"))
    assert result.returncode == 1
    assert "no cluster is up; run `make testbed-up` first" in result.stdout or "engine" in result.stdout
    assert "Traceback" not in result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds testbed as `pip install CHECKOUT` installs it: no checkout is around it."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
    ]
    subprocess.run([*pip, str(source)], check=True, timeout=240)
    return site


def test_an_installed_plugin_leaves_the_names_of_another_project_alone(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import pytest, testbed.settings\n"
        "@pytest.fixture\ndef load(): return 'mine'\n"
        "@pytest.fixture\ndef journal(): return 'mine too'\n"
        "def test_own_names(load, journal, request):\n"
        "    assert (load, journal) == ('mine', 'mine too')\n"
        "    for name in ('probes', 'played'):\n"
        "        with pytest.raises(pytest.FixtureLookupError):\n"
        "            request.getfixturevalue(name)\n"
        f"def test_it_is_the_installed_one(): assert testbed.settings.__file__.startswith({str(installed)!r})\n"
        "def test_no_cluster(testbed, testbed_load, testbed_probes, testbed_journal): pass\n"
    )
    where = {"PYTHONPATH": str(installed), "COMPOSE_PROJECT_NAME": "nobodys", "TESTBED_STATE": str(tmp_path / "state")}
    lost = pytest_in(tmp_path, "-q", **where)
    assert "run testbed inside its checkout, or set TESTBED_CHECKOUT" in lost.stdout
    result = pytest_in(tmp_path, "-q", TESTBED_CHECKOUT=str(ROOT), **where)
    assert "2 passed, 1 error" in result.stdout or "1 failed, 2 passed" in result.stdout
    assert "no cluster is up; run `make testbed-up` first" in result.stdout or "engine" in result.stdout
    assert "Traceback" not in result.stdout
