"""Each command that changes the cluster is refused while another process holds it, before it touches anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from holding import holder
from typer.testing import CliRunner

from testbed.cli import app, locking
from testbed.cli.main import load_all
from testbed.cluster.lock import InUseError, Use, hold
from testbed.errors import TestbedError
from testbed.host import engine
from testbed.incidents import runner
from testbed.incidents.incident_model import Incident
from testbed.incidents.run import Run
from testbed.settings import Settings

TESTBED = Path(sys.executable).with_name("testbed")
# What does not change the cluster, and why it need not hold it.
READ_ONLY = {
    "app new": "writes a folder",
    "build": "makes images; machines that run keep theirs",
    "bundle": "reads",
    "capture": "listens",
    "compare": "reads runs",
    "console": "the user's own hands, on one machine",
    "doctor": "looks at the machine",
    "cp": "the user's own hands, on one machine",
    "exec": "the user's own hands, on one machine",
    "faults": "reads",
    "graph": "reads",
    "incidents": "reads files",
    "inspect": "reads",
    "logs": "reads",
    "open": "opens a page",
    "openbsd image": "makes a disk that a later `testbed up` uses",
    "pool list": "reads",
    "probes": "reads",
    "report": "reads a run and writes its page",
    "runs": "reads runs",
    "schema": "prints",
    "status": "reads",
    "validate": "reads files",
}
# Where arguments decide whether a command changes anything.
ARGUMENTS = {"run": ["database-power-loss"]}
WITH_LOAD = {
    "backup", "fault", "heal", "pool add", "pool disable", "pool drain", "pool enable", "pool remove", "pool weight",
    "resign", "resolve read", "resolve split-brain", "restore", "roll", "up", "verify-copies",
}  # fmt: skip


def commands() -> dict[str, list[str]]:
    """Every command of the program with arguments that it takes."""
    return dict(_leaves(load_all(), []))


def _leaves(command: object, arguments: list[str]) -> Iterator[tuple[str, list[str]]]:
    children = getattr(command, "commands", {})
    for name, child in children.items():
        yield from _leaves(child, [*arguments, name])
    if not children or getattr(command, "invoke_without_command", False):
        params: list[Any] = getattr(command, "params")  # noqa: B009 - Typer does not export the class
        needed = ["1" for each in params if each.required and each.param_type_name == "argument"]
        name = " ".join(arguments)
        yield name, [*arguments, *ARGUMENTS.get(name, needed)]


CHANGING = sorted(commands().keys() - READ_ONLY.keys())


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, and no engine: a command that forgets the lock fails, and harms nothing."""
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TESTBED_RUN", str(tmp_path / "sockets"))
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "nobodys")
    for name in ("client", "ensure"):
        monkeypatch.setattr(engine, name, _no_engine)
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def _no_engine(*_: object) -> None:
    raise TestbedError("this test has no engine")


class GoesOn(Exception):
    """The command has its locks, and its body would begin now."""


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[Use]:
    """What the commands that got their locks want them for; their bodies do not run."""
    begun: list[Use] = []

    def hold_only(settings: Settings, use: Use) -> NoReturn:
        with hold(settings, use):
            begun.append(use)
            raise GoesOn

    monkeypatch.setattr(locking, "hold", hold_only)
    return begun


def refused(arguments: list[str]) -> InUseError:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InUseError), (arguments, result.exception, result.output)
    return result.exception


def test_what_is_declared_read_only_exists() -> None:
    assert READ_ONLY.keys() <= commands().keys()
    assert {"run", "up", "down", "load", "verify", "bench failover", "openbsd verify"} <= set(CHANGING)


def test_each_changing_command_is_refused_during_a_run_and_touches_nothing(state: Path) -> None:
    with holder(state, Use.EXCLUSIVE, "testbed run paper-2006") as process:
        before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
        for name in CHANGING:
            error = refused(commands()[name])
            assert f"`testbed run paper-2006` (process {process.pid}, since 20" in str(error), name
            assert error.exit_status == 2
        assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before


def test_during_a_load_only_what_a_person_does_by_hand_goes_on(state: Path, bodies: list[Use]) -> None:
    with holder(state, Use.LOAD, "testbed load") as process:
        for name in CHANGING:
            if name in WITH_LOAD:
                assert isinstance(CliRunner().invoke(app, commands()[name]).exception, GoesOn), name
            else:
                assert f"`testbed load` (process {process.pid}" in str(refused(commands()[name])), name
    assert bodies == [Use.CHANGE] * len(WITH_LOAD)


def test_a_load_begins_while_a_person_breaks_something(state: Path, bodies: list[Use]) -> None:
    with holder(state, Use.CHANGE, "testbed fault power-loss lb1"):
        assert isinstance(CliRunner().invoke(app, ["load"]).exception, GoesOn)
        assert "testbed fault" in str(refused(["heal"]))
    assert bodies == [Use.LOAD]


def test_the_second_terminal_reads_one_line_and_gets_exit_status_2(state: Path) -> None:
    with holder(state, Use.EXCLUSIVE, "testbed run paper-2006") as process:
        result = subprocess.run([TESTBED, "run", "paper-2006"], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    [line] = result.stderr.strip().splitlines()
    assert f"`testbed run paper-2006` (process {process.pid}, since " in line
    assert not result.stdout


def test_listing_and_checking_incidents_needs_no_lock(state: Path) -> None:
    with holder(state, Use.EXCLUSIVE):
        result = CliRunner().invoke(app, ["run"])
        assert result.exit_code == 0
        assert "double-failure" in result.output
        result = CliRunner().invoke(app, ["run", "nowhere", "--dry-run"])
        assert "no incident file 'nowhere'" in str(result.exception)


def test_a_second_run_does_not_reshape_the_cluster_of_the_first(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reshaped: list[object] = []
    monkeypatch.setattr(runner, "reshape_for_incident", lambda cluster, _: reshaped.append(cluster))
    cluster = SimpleNamespace(settings=SimpleNamespace(state_dir=state), shape=None)
    incident = Incident.model_validate(
        {"name": "second", "title": "It comes too early", "why": "it comes too early", "steps": [{"sleep": "1s"}]}
    )
    with holder(state, Use.EXCLUSIVE, "testbed run first"), pytest.raises(InUseError, match="testbed run first"):
        list(runner.play_repeats(cast("Any", cluster), incident))
    assert not reshaped


@pytest.mark.parametrize(("use", "command"), [(Use.LOAD, "testbed load"), (Use.EXCLUSIVE, "testbed run first")])
def test_a_run_ends_no_other_process_s_probes_and_load(
    state: Path, monkeypatch: pytest.MonkeyPatch, use: Use, command: str
) -> None:
    ended: list[object] = []
    monkeypatch.setattr("testbed.incidents.run.end_strays", ended.append)
    monkeypatch.setattr("testbed.incidents.run.site_url", lambda *_: "https://198.18.0.10")
    topology = SimpleNamespace(probes={}, read_backs=dict)
    cluster = SimpleNamespace(settings=SimpleNamespace(state_dir=state), topology=topology, platform={})
    run = Run(cast("Any", cluster), "x")
    with holder(state, use, command), pytest.raises(InUseError, match=command), run:
        pass
    assert not ended
    assert not run.folder.exists()


def test_a_load_ends_no_run_s_probes(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[object] = []
    monkeypatch.setattr("testbed.cli.load.end_strays", ended.append)
    with holder(state, Use.EXCLUSIVE, "pytest tests/failover"):
        assert "pytest tests/failover" in str(refused(["load", "--users", "1"]))
    assert not ended
    assert not (state / "runs").exists()
