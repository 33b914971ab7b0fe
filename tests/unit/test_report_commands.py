"""testbed report, runs and compare."""

import json
from pathlib import Path

import pytest
from report_forge import Forge
from typer.testing import CliRunner

from testbed import report
from testbed.cli.main import app
from testbed.errors import UsageError


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs: two of one series, one that fails, one of another name; none is reported yet."""
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    parent = tmp_path / "runs"
    for number in (1, 2):
        Forge(seconds=45, users=2, interval=0.1, repeat=number, repeats=2, seed=number).write(
            parent / f"20261124-12000{number}-db-power-loss-{number}"
        )
    Forge(seconds=45, users=2, interval=0.1, lost=1, name="bad", series="bad").write(parent / "20261124-130000-bad")
    (parent / "20261124-140000-no-run").mkdir()
    return parent


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, UsageError):
        raise result.exception
    return result.exit_code, result.output


def test_report_writes_prints_and_exits_by_the_verdict(parent: Path) -> None:
    status, output = run("report", "20261124-120001")
    assert status == 0
    assert "durability" in output
    page = parent / "20261124-120001-db-power-loss-1" / "report.html"
    assert str(page) in output.replace("\n", "")
    assert page.exists()
    status, output = run("report", str(parent / "20261124-130000-bad"))
    assert status == 1
    assert "Failed: durability" in output


def test_a_name_is_its_latest_run(parent: Path) -> None:
    assert report.find_run("db-power-loss", parent).name == "20261124-120002-db-power-loss-2"
    assert report.find_run("bad", parent).name == "20261124-130000-bad"
    assert (
        report.find_run(str(parent / "20261124-130000-bad" / "journal.jsonl"), Path("/nowhere")).name
        == "20261124-130000-bad"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("20261124", "3 runs begin"),
        ("nix", "no run 'nix'"),
        ("", "no run ''"),
        ("20261124-14", "no run"),
        ("/", "no journal"),
    ],
)
def test_a_run_that_is_none_is_refused(parent: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run("report", text)
    assert not list(parent.glob("*/report.html"))


def test_not_a_journal_is_refused(parent: Path) -> None:
    (parent / "20261124-130000-bad" / "journal.jsonl").write_text("hello\n")
    with pytest.raises(UsageError, match="is this a journal"):
        run("report", "bad")
    assert not list(parent.glob("*/report.html"))


def test_runs_lists_them(parent: Path) -> None:
    report.write_report(parent / "20261124-130000-bad")
    status, output = run("runs")
    assert status == 0
    assert "none yet" in output
    assert "1 of " in output
    status, output = run("runs", "--json")
    found = {each["run"]: each["verdict"] for each in json.loads(output)}
    assert found == {
        "20261124-120001-db-power-loss-1": None,
        "20261124-120002-db-power-loss-2": None,
        "20261124-130000-bad": "fail",
    }


def test_compare_takes_the_series_and_writes_nothing(parent: Path) -> None:
    for folder in report.list_runs(parent):
        report.write_report(folder)
    before = {path: path.stat().st_mtime_ns for path in parent.rglob("*")}
    status, output = run("compare", "db-power-loss", "bad", "--json")
    assert status == 0
    found = json.loads(output[output.index("{") :])
    assert found["before"] == ["20261124-120001-db-power-loss-1", "20261124-120002-db-power-loss-2"]
    assert found["after"] == ["20261124-130000-bad"]
    assert {row["judgement"] for row in found["measures"]} == {"too few runs"}
    status, output = run("compare", "20261124-120001", "20261124-120002")
    assert status == 0
    assert "compared alone" in output
    assert before == {path: path.stat().st_mtime_ns for path in parent.rglob("*")}
