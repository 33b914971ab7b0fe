"""`testbed run`: what it prints, what it refuses, and the exit status that each outcome calls for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from test_topology import CLUSTER, merged

import testbed.cli.run as command
import testbed.cli.schema as schema_command
from testbed import topology
from testbed.checks import Status, Verdict
from testbed.cluster import project
from testbed.errors import TestbedError, UsageError
from testbed.incidents import find
from testbed.incidents.incident_model import Incident
from testbed.incidents.runner import IncidentResult
from testbed.topology import resolve

Outcomes = dict[str, list[Status] | Exception]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Outcomes:
    """What playing an incident comes to, by its name; filled in by the test."""
    outcomes: Outcomes = {}

    def play(_: object, incident: Incident, **__: object) -> Iterator[IncidentResult]:
        outcome = outcomes[incident.name]
        if isinstance(outcome, Exception):
            raise outcome
        for status in outcome:
            yield IncidentResult(tmp_path, (Verdict("outage", status, "so it was"),))

    monkeypatch.setattr(topology, "load", lambda *_: resolve(merged(), [CLUSTER]))
    monkeypatch.setattr(command, "play_repeats", play)
    monkeypatch.setattr(project, "exists", lambda _: True)
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path / "state"))  # whose lock no real run holds
    return outcomes


def status(
    *files: str, repeat: int | None = None, keep: bool = False, step: bool = False, dry_run: bool = False
) -> int:
    try:
        command.run(list(files), repeat=repeat, keep=keep, step=step, dry_run=dry_run)
    except typer.Exit as end:
        return end.exit_code
    return 0


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ([Status.PASS], 0),
        ([Status.PASS, Status.FAIL], 1),
        ([Status.UNKNOWN, Status.PASS], 3),
        ([Status.UNKNOWN, Status.FAIL], 1),
    ],
)
def test_exit_status_is_the_worst_repetitions(played: Outcomes, statuses: list[Status], code: int) -> None:
    played["database-power-loss"] = list(statuses)
    assert status("database-power-loss") == code


def test_a_run_that_breaks_does_not_keep_the_others_from_being_played(
    played: Outcomes, capsys: pytest.CaptureFixture[str]
) -> None:
    played["database-power-loss"] = TestbedError("the engine is gone")
    played["app-power-loss"] = [Status.FAIL]
    assert status("database-power-loss", "app-power-loss") == 4
    printed = capsys.readouterr()
    assert "database-power-loss: the engine is gone" in printed.err
    assert "fail  app-power-loss" in printed.out


def test_a_known_failure_passes_and_is_reported(played: Outcomes, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = Verdict("outage", Status.FAIL, "35 s", documented="nothing watches PostgreSQL")
    command._show(Incident.model_validate(_incident()), IncidentResult(Path("runs/x"), (verdict,)))
    out = capsys.readouterr().out
    assert "pass" in out
    assert "known failure" in out
    assert "nothing watches PostgreSQL" in out
    assert not played


def test_dry_run_prints_and_plays_nothing(played: Outcomes, capsys: pytest.CaptureFixture[str]) -> None:
    assert status("database-power-loss", "double-failure", dry_run=True) == 0
    out = capsys.readouterr().out
    assert "inject power-loss at db:primary" in out
    assert "no service from the last fault to the heal: sql-read, sql-write" in out
    assert not played


def test_one_wrong_file_and_nothing_is_played(played: Outcomes, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "name: wrong\ntitle: A node is missing\nwhy: it names what is not there\n"
        "steps:\n- {inject: freeze, target: db9}\n"
    )
    with pytest.raises(UsageError, match=r"wrong\.yaml:5:28: no node 'db9'"):
        status("database-power-loss", str(wrong))
    assert not played


def test_a_folder_means_the_incidents_below_it(
    played: Outcomes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.yaml", "deep/two.yml", ".hidden/three.yaml", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"name: {path.stem}\ntitle: It sleeps\nwhy: it lies in a folder\nsteps: [{{sleep: 1s}}]\n")
        played[path.stem] = [Status.PASS]
    assert status(str(tmp_path)) == 0
    out = capsys.readouterr().out
    assert [name for name in ("one", "two", "three", "notes") if f"  {name}\n" in out] == ["one", "two"]
    assert status(str(tmp_path / "deep" / "two.yml")) == 0
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no incident file in the folder .*; their names end in \*\.yaml or \*\.yml"):
        status(str(tmp_path / "empty"))


def test_a_shipped_incident_may_have_the_other_suffix(tmp_path: Path) -> None:
    (tmp_path / "incidents").mkdir()
    (tmp_path / "incidents" / "mine.yml").write_text("name: mine\n")
    assert find("mine", tmp_path) == tmp_path / "incidents" / "mine.yml"


def test_options_that_exclude_each_other_are_refused(played: Outcomes) -> None:
    with pytest.raises(UsageError, match="--no-heal"):
        status("database-power-loss", keep=True, repeat=3)
    with pytest.raises(UsageError, match="--step"):
        status("database-power-loss", step=True)
    with pytest.raises(UsageError, match="--no-heal"):
        status("database-power-loss", "app-power-loss", keep=True)
    assert not played


def test_without_files_those_that_ship_are_listed(played: Outcomes, capsys: pytest.CaptureFixture[str]) -> None:
    assert status() == 0
    out = capsys.readouterr().out
    assert "double-failure" in out
    assert "PostgreSQL dies on the primary database" in out
    assert re.search(r"double-failure .* 120s *\n", out)
    assert not played


def _incident() -> dict[str, object]:
    return {"name": "known", "title": "It fails", "why": "it is known to fail", "steps": [{"sleep": "1s"}]}


def test_the_schemas_former_name_is_answered_with_the_new_one() -> None:
    with pytest.raises(UsageError, match="the schema 'scenario' was renamed; run `testbed schema incident`"):
        schema_command.schema("scenario")
