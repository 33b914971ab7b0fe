"""The probes' program, and the reading back of what it wrote."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testbed.journal import Mark, Outcome, ProbeSample, Settled, Writer, read
from testbed.probes import __main__ as program
from testbed.probes import read_back
from testbed.probes.probe_registry import PROBES
from testbed.probes.read_back_status import UNREADABLE
from testbed.topology import Role
from testbed.topology.declared_probes import BUILT_IN_PROBES


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.env"
    path.write_text("PROBE_DB_PASSWORD=abc123\nMAIL_PASSWORD=abc123\n")
    return path


def test_every_probe_that_can_be_named_is_there() -> None:
    assert tuple(PROBES) == BUILT_IN_PROBES
    assert {spec.runs_on for spec in PROBES.values()} == {Role.CLIENT, Role.OBSERVER}
    assert all(0.005 <= spec.interval <= 60 for spec in PROBES.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ping=20ms"], "no probe 'ping': the probes are tcp, https, webmail, sql-read, sql-write"),
        (["tcp"], "tcp: '' is not a duration: write a number with its unit"),
        (["tcp=20"], "'20' is not a duration"),
        (["tcp=1ms"], "tcp=1ms: an interval is 5ms to 60s"),
        (["tcp=20ms", "tcp=1s"], "a probe is named twice"),
        (["tcp=20ms", "--seconds", "0"], "--seconds 0: between 0 and 86400"),
        ([], "required: PROBE=INTERVAL"),
    ],
)
def test_bad_usage_is_one_line_and_writes_nothing(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["--journal", str(tmp_path / "j"), *arguments])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "j").exists()


def test_missing_secrets_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--journal", str(tmp_path / "j"), "--secrets", str(tmp_path / "none"), "--host", "127.0.0.1"]
    assert program.main([*arguments, "sql-read=20ms"]) == 2
    assert capsys.readouterr().err.startswith("probes: [Errno 2]")


def test_targets_that_are_not_there_are_findings(
    tmp_path: Path, secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        arguments = ["--site", "127.0.0.1", "--site-port", str(unused.getsockname()[1]), "--secrets", str(secrets)]
        arguments += ["--host", "nowhere.invalid", "--journal", str(tmp_path / "j"), "--seconds", "0.2"]
        assert program.main([*arguments, "tcp=20ms", "sql-read=20ms", "sql-write=50ms"]) == 0
    journal = read(tmp_path / "j")
    assert {name: len(series) for name, series in journal.probes.items()} == {"tcp": 10, "sql-read": 10, "sql-write": 4}
    assert {sample.outcome for sample in journal.of(ProbeSample)} == {Outcome.FAILED}
    assert "nowhere.invalid has no address" in journal.probes["sql-read"].detail(0)
    assert "refused" in journal.probes["tcp"].detail(0)
    assert "probe=tcp samples=10 ok=0 failed=10 unknown=0" in capsys.readouterr().out
    assert journal.openings[0].attrs["probes"] == "tcp sql-read sql-write"


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with socket.create_server(("127.0.0.1", 0)) as server:
        arguments = [
            "--site",
            "127.0.0.1",
            "--site-port",
            str(server.getsockname()[1]),
            "--journal",
            str(path),
            "tcp=20ms",
        ]
        process = subprocess.Popen(
            [sys.executable, "-m", "testbed.probes", *arguments],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while not (path.exists() and len(read(path).probes) == 1) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "probe=tcp samples=" in output
    assert {sample.outcome for sample in read(path).of(ProbeSample)} == {Outcome.OK}


def test_what_was_written_is_settled(tmp_path: Path, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "j"
    with Writer(path, "probes", probes="sql-read sql-write", run="r1") as journal:
        for number, outcome in enumerate((Outcome.OK, Outcome.UNKNOWN)):
            journal.write(ProbeSample("sql-write", number, number, number, outcome, token=f"r1-{number}"))
        journal.write(ProbeSample("sql-read", 0, 0, 0, Outcome.OK))
    Writer(path, "host", run="some-folder").close()
    asked: list[set[str]] = []

    def table(_: str, runs: set[str]) -> dict[str, int]:
        asked.append(runs)
        return {"r1-0": 1, "r1-9": 2}

    monkeypatch.setattr(read_back, "read_tokens", table)
    options = argparse.Namespace(
        journal=str(path), timeout=1.0, host="127.0.0.1", port=1, dbname="x", user="x", secrets=str(secrets)
    )
    assert read_back.read_back_writes(options).startswith("settled tokens=2 rows=3 strangers=1 ")
    assert asked == [{"r1"}]
    settled = read(path)
    assert settled.of(Settled) == [Settled("r1-0", 1), Settled("r1-1", 0), Settled("r1-9", 2)]
    assert [(mark.name, mark.attrs) for mark in settled.of(Mark)] == [("settled", {"tokens": "2", "rows": "3"})]


def test_a_table_that_cannot_be_read_is_reported(
    tmp_path: Path, secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Writer(tmp_path / "j", "probes", run="r1").close()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        arguments = ["--host", "127.0.0.1", "--port", str(unused.getsockname()[1]), "--secrets", str(secrets)]
        assert read_back.main(["--journal", str(tmp_path / "j"), "--timeout", "0.1", *arguments]) == UNREADABLE
    assert "the writes cannot be read back: connection failed" in capsys.readouterr().err
    [mark] = read(tmp_path / "j").of(Mark)
    assert (mark.name, mark.attrs["at-rest"], mark.attrs["seconds"]) == ("unreadable", "yes", "0.1")
    assert "Connection refused" in mark.attrs["reason"]
