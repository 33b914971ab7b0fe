"""`testbed faults`, `incidents`, `validate`, `heal NODE|FAULT` and `status --watch`."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML
from test_health import TOPOLOGY, whole
from test_topology import CLUSTER, merged
from typer.testing import CliRunner

from testbed import topology
from testbed.application_folder.folder_writer import write_folder
from testbed.cli import app, heal, status
from testbed.cluster import lifecycle
from testbed.cluster.shape import Shape
from testbed.errors import UsageError
from testbed.faults import FAULTS, Ledger, LedgerEntry
from testbed.settings import load
from testbed.topology import Topology, resolve


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Three faults in force."""
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    ledger = Ledger(tmp_path / "faults")
    ledger.write("cable-pull", "lb1", "lb1", {"network": "public"})
    ledger.write("freeze", "db1", "db:primary", {})
    ledger.write("cable-pull", "db1", "db1", {})
    return ledger


def output(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_faults_lists_all_and_those_in_force(ledger: Ledger) -> None:
    printed = output("faults")
    assert all(f"\n{name} " in printed for name in FAULTS)
    assert "in force: cable-pull on lb1 network=public" in printed
    found = json.loads(output("faults", "--json"))
    assert [each["name"] for each in found["faults"]] == list(FAULTS)
    assert found["faults"][0].keys() == {"name", "summary", "options"}
    assert [each["node"] for each in found["in_force"]] == [entry.node for entry in ledger.entries()]
    [stop] = [each for each in found["faults"] if each["name"] == "process-hang"]
    assert stop["options"]["process"]["required"]


def test_incidents_lists_those_that_ship_or_those_named(tmp_path: Path) -> None:
    shipped = {path.stem for path in (load().root / "incidents").glob("*.yaml")}
    assert {each["name"] for each in json.loads(output("incidents", "--json"))} == shipped
    mine = tmp_path / "mine.yaml"
    mine.write_text((load().root / "incidents" / "clock-jump.yaml").read_text())
    printed = output("incidents", str(tmp_path))
    assert len(printed.splitlines()) == 2
    assert printed.splitlines()[1].startswith("clock-jump ")


def test_validate_judges_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topology, "load", lambda *_: resolve(merged(), [CLUSTER]))
    right, wrong = tmp_path / "right.yaml", tmp_path / "wrong.yaml"
    right.write_text((load().root / "incidents" / "clock-jump.yaml").read_text())
    wrong.write_text("name: wrong\nnonsense: 1\n")
    result = CliRunner().invoke(app, ["validate", str(tmp_path)])
    assert result.exit_code == 1
    assert f"✓ {right}" in result.output
    assert re.search(r"✗ .*wrong\.yaml:\d+:\d+: ", result.output)
    result = CliRunner().invoke(app, ["validate", str(tmp_path), "--json"])
    assert {Path(each["file"]).name: each["valid"] for each in json.loads(result.output)} == {
        "right.yaml": True, "wrong.yaml": False,
    }  # fmt: skip
    assert CliRunner().invoke(app, ["validate", str(right)]).exit_code == 0
    assert isinstance(CliRunner().invoke(app, ["validate", "nowhere"]).exception, UsageError)


def test_validate_judges_the_folder_of_an_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder("notes", "wsgi", tmp_path / "notes", 8091)
    overlay = folder / "application.yaml"

    def load_files(files: Sequence[Path], *_: object) -> Topology:
        more = YAML(typ="safe", pure=True).load(overlay.read_text()) if overlay in files else {}
        return resolve({**merged(), **more}, [CLUSTER, *([overlay] if more else [])])

    monkeypatch.setattr(topology, "load", load_files)
    result = CliRunner().invoke(app, ["validate", str(folder)])
    assert result.exit_code == 0, result.output
    assert result.output.count("✓") == 2
    overlay.write_text(overlay.read_text().replace("8091", "8081"))
    result = CliRunner().invoke(app, ["validate", str(overlay)])
    assert result.exit_code == 1
    assert "application.yaml:6:13: x-testbed-notes.applications.notes.port: port 8081 is already webmail's" in (
        result.output.replace("\n", "")
    )


def test_a_cluster_that_compose_refuses_is_no_incident_s_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("docker is not installed")

    monkeypatch.setattr(topology, "load", refuse)
    assert "docker is not installed" in str(CliRunner().invoke(app, ["validate", "clock-jump"]).exception)


@pytest.fixture
def healed(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `testbed heal` heals, and whether it repairs the cluster then."""
    done: list[str] = []

    def heal_all(_: object, ledger: Ledger, *, entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
        for entry in entries:
            ledger.remove(entry)
            done.append(f"{entry.fault} on {entry.node}")
        return list(entries)

    monkeypatch.setattr(heal, "Cluster", lambda: SimpleNamespace(fleet=None, ledger=ledger))
    monkeypatch.setattr(heal, "heal_all", heal_all)
    monkeypatch.setattr(lifecycle, "restore", lambda *_: done.append("repaired"))
    return done


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("lb1", ["cable-pull on lb1"]),
        ("db1", ["freeze on db1", "cable-pull on db1"]),
        ("cable-pull", ["cable-pull on lb1", "cable-pull on db1"]),
    ],
)
def test_only_the_faults_of_a_node_or_a_name_are_healed(healed: list[str], what: str, expected: list[str]) -> None:
    inspect.unwrap(heal.heal)(what)
    assert healed == expected


def test_the_cluster_is_repaired_when_the_last_fault_is_healed(healed: list[str]) -> None:
    inspect.unwrap(heal.heal)("cable-pull")
    inspect.unwrap(heal.heal)("freeze")
    assert healed[-2:] == ["freeze on db1", "repaired"]


def test_a_fault_that_is_not_in_force_is_refused(healed: list[str]) -> None:
    with pytest.raises(UsageError, match="'db2'; in force: cable-pull on lb1, freeze on db1, cable-pull on db1"):
        inspect.unwrap(heal.heal)("db2")
    assert not healed


def test_a_watch_asks_again_until_ctrl_c(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[float] = []

    def elapse(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 3:
            raise KeyboardInterrupt

    cluster = SimpleNamespace(settings=load(), topology=TOPOLOGY, ledger=ledger, state=whole, shape=Shape())
    monkeypatch.setattr(status, "Cluster", lambda: cluster)
    monkeypatch.setattr(status, "elapse", elapse)
    status.status(watch=True, interval=0.5)
    assert asked == [0.5, 0.5, 0.5]
    printed = capsys.readouterr().out
    assert "fault in force: freeze on db1" in printed
    assert "healthy (reference)" in printed
    with pytest.raises(UsageError, match="--watch"):
        status.status(watch=True, as_json=True)


def test_the_state_s_json_holds_everything(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster: Any = SimpleNamespace(settings=load(), topology=TOPOLOGY, ledger=ledger, state=whole, shape=Shape())
    monkeypatch.setattr(status, "Cluster", lambda: cluster)
    found = json.loads(output("status", "--json"))
    assert found["healthy"]
    assert (found["active_balancer"], found["primary_database"]) == ("lb1", "db1")
    assert len(found["faults"]) == 3
