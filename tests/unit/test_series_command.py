"""`testbed run --repeat`: a series is begun, resumed, refused and reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from test_topology import CLUSTER, merged
from test_trials import trial

import testbed.cli.run as command
import testbed.cli.run_series as series_command
from testbed import topology
from testbed.cluster import project
from testbed.errors import TestbedError, UsageError
from testbed.topology import resolve
from testbed.trials.series_loop import SeriesPlayer, SeriesWatcher
from testbed.trials.trial_store import TrialStore


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The state folder of a cluster on which every third trial fails, and trial 5 interrupts the first series."""
    interrupted: list[int] = []

    def play(store: TrialStore, _: SeriesPlayer, watch: SeriesWatcher, __: object) -> None:
        for number in store.missing():
            if number == 5 and not interrupted:
                interrupted.append(number)
                raise KeyboardInterrupt
            store.add(trial(number, "pass" if number % 3 else "fail"))
            watch.ends(store.trials[-1])

    monkeypatch.setattr(topology, "load", lambda *_: resolve(merged(), [CLUSTER]))
    monkeypatch.setattr(project, "exists", lambda _: True)
    monkeypatch.setattr(series_command, "play_series", play)
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def run(*files: str, **options: object) -> int:
    try:
        command.run(list(files), **options)  # type: ignore[arg-type]
    except typer.Exit as end:
        return end.exit_code
    return 0


def test_a_series_that_was_interrupted_goes_on(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("database-power-loss", repeat=7, name="nightly")
    assert "interrupted; go on with `testbed run --resume nightly`" in capsys.readouterr().err
    assert "4 of 7 trials" in (state / "series/nightly/series.html").read_text()
    assert run(resume="night") == 1
    printed = capsys.readouterr()
    assert "series nightly: 3 of 7 trials to play" in printed.err
    assert "fail  database-power-loss: 7 of 7 trials: 2 failed, 5 passed" in printed.out
    assert "2 of 7 failed (95 % interval" in printed.out
    assert str(state / "series/nightly/series.html") in printed.out
    assert run("database-power-loss", resume="latest", repeat=8) == 1
    assert len(TrialStore(state / "series/nightly").trials) == 8


def test_json_is_one_document_for_each_incident(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("database-power-loss", repeat=2, as_json=True) == 0
    [document] = json.loads(capsys.readouterr().out)
    assert document["verdicts"] == {"pass": 2, "fail": 0, "unknown": 0, "error": 0}
    assert Path(document["page"]).parent.parent == state / "series"


def test_a_series_that_testbed_cannot_go_on_with_is_reported_with_status_4(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(store: TrialStore, *_: object) -> None:
        store.add(trial(1))
        raise TestbedError("the disk is full")

    monkeypatch.setattr(series_command, "play_series", play)
    assert run("database-power-loss", repeat=2, name="full") == 4
    printed = capsys.readouterr()
    assert "the disk is full" in printed.err
    assert "1 of 2 trials: 1 passed" in printed.out
    assert (state / "series/full/junit.xml").is_file()


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ((), {"resume": "x", "seed": 3}, "--seed cannot be combined with --resume"),
        ((), {"resume": "x", "name": "y"}, "--name cannot be combined with --resume"),
        ((), {"resume": "x", "keep": True}, "--no-heal cannot be combined with --resume"),
        ((), {"resume": "x", "fresh": True}, "--fresh cannot be combined with --resume"),
        (("database-power-loss",), {"fresh": True, "keep": True}, "--fresh is for trials, and --no-heal for a single"),
        ((), {"resume": "nothing"}, "no series 'nothing'"),
        (("database-power-loss", "app-power-loss"), {"resume": "x"}, "name no file"),
        (("database-power-loss", "app-power-loss"), {"repeat": 2, "name": "x"}, "--name names one"),
        (("database-power-loss",), {"repeat": 2, "name": "a/b"}, "not a name of a series"),
        (("database-power-loss",), {"repeat": 2, "step": True}, "--step asks before each step"),
    ],
)
def test_what_excludes_each_other_is_refused(
    state: Path, files: tuple[str, ...], options: dict[str, object], message: str
) -> None:
    assert not state.exists()
    with pytest.raises(UsageError, match=message):
        run(*files, **options)


def test_a_series_is_not_resumed_with_another_incident_or_platform(state: Path) -> None:
    assert run("database-power-loss", repeat=2, name="one") == 0
    with pytest.raises(UsageError, match="begun with another database-power-loss"):
        run("app-power-loss", resume="one")
    path = state / "series/one/series.json"
    path.write_text(path.read_text().replace('"profile": "reference"', '"profile": "hardened"'))
    with pytest.raises(UsageError, match="played with profile hardened, and this cluster has reference"):
        run(resume="one")
