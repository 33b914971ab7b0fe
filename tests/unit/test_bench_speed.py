"""The figures of testbed's own commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

import testbed.bench.speed as bench
import testbed.cli.bench_speed as command
from testbed.bench.speed import run_testbed, time_rounds, timed_commands
from testbed.cli import app
from testbed.cluster import project
from testbed.errors import TestbedError
from testbed.host import engine


def test_each_round_goes_from_no_cluster_to_none() -> None:
    ran: list[Sequence[str]] = []
    now = iter(range(100))
    timed = list(time_rounds(timed_commands(["--overlay", "hardened"]), 2, ran.append, lambda: float(next(now))))
    assert [seconds for _, seconds in timed] == [1.0] * 12
    assert ran[:6] == ran[6:]
    assert (ran[0], ran[5]) == (("up", "--overlay", "hardened"), ("down",))


def test_the_commands_and_their_options_exist() -> None:
    for each in timed_commands([]):
        result = CliRunner().invoke(app, [each.arguments[0], "--help"])
        assert result.exit_code == 0
        assert all(word in result.output for word in each.arguments if word.startswith("--"))


def test_a_command_that_fails_is_named_with_its_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "testbed"
    program.write_text("#!/bin/sh\necho first\necho 'no room' >&2\nexit 4\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(TestbedError, match="`testbed up` ended with status 4: no room"):
        run_testbed(["up"])


def test_a_command_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "testbed"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(bench, "LIMIT_SECONDS", 0.2)
    with pytest.raises(TestbedError, match="`testbed status` did not end in 0 s"):
        run_testbed(["status"])


@pytest.mark.parametrize(("is_up", "first", "last"), [(True, ["down"], "up"), (False, None, "down")])
def test_a_cluster_that_was_up_is_up_at_the_end(
    is_up: bool, first: list[str] | None, last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Sequence[str]] = []
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    monkeypatch.setattr(engine, "ensure", lambda *_: None)
    monkeypatch.setattr(project, "exists", lambda _: is_up)
    monkeypatch.setattr(command, "run_testbed", ran.append)
    refused = CliRunner().invoke(app, ["bench", "speed", "--repeat", "1"])
    assert (refused.exception is not None, ran == []) == (is_up, is_up)
    ran.clear()
    result = CliRunner().invoke(app, ["bench", "speed", "--repeat", "1", "--yes"])
    assert result.exit_code == 0, result.output
    assert "run database-power-loss, with all checks" in result.stdout
    assert ran[0] == first or not is_up
    assert ran[-1][0] == last
