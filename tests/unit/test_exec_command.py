"""`testbed exec`: which arguments are testbed's, and which are the command's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import testbed.cli.exec as command
from testbed.cli.main import app
from testbed.errors import UsageError
from testbed.machines import ExecResult

Call = tuple[str, list[str], float]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What was run: node, arguments and time limit."""
    run: list[Call] = []

    def machine(name: str) -> SimpleNamespace:
        def execute(arguments: list[str], timeout: float) -> ExecResult:
            run.append((name, arguments, timeout))
            return ExecResult(3, "out", "err")

        return SimpleNamespace(exec=execute)

    monkeypatch.setattr(command, "Cluster", lambda: SimpleNamespace(machine=machine))
    return run


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("db1 -- ls -l", ("db1", ["ls", "-l"], 60)),
        ("db1 ls -l", ("db1", ["ls", "-l"], 60)),
        ("-- db1 ls -l", ("db1", ["ls", "-l"], 60)),
        ("-- db1 -- ls -l", ("db1", ["ls", "-l"], 60)),
        ("db1 git checkout -- file", ("db1", ["git", "checkout", "--", "file"], 60)),
        ("db1 -- -- ls", ("db1", ["--", "ls"], 60)),
        ("db1 -- true", ("db1", ["true"], 60)),
        ("--timeout 5s db1 -- curl --timeout 3 --help", ("db1", ["curl", "--timeout", "3", "--help"], 5)),
        ("db1 timeout --help", ("db1", ["timeout", "--help"], 60)),
    ],
)
def test_the_arguments_after_the_node_are_the_command(calls: list[Call], line: str, call: Call) -> None:
    result = CliRunner().invoke(app, ["exec", *line.split()])
    assert calls == [call]
    assert result.exit_code == 3
    assert result.output == "outerr"


def test_a_lone_separator_is_no_command(calls: list[Call]) -> None:
    result = CliRunner().invoke(app, ["exec", "db1", "--"])
    assert isinstance(result.exception, UsageError)
    assert "no command is given after --" in str(result.exception)
    assert not calls


@pytest.mark.parametrize("line", ["db1", "", "--tiemout 5s db1 ls"])
def test_a_line_without_a_command_or_with_an_unknown_option_is_refused(calls: list[Call], line: str) -> None:
    assert CliRunner().invoke(app, ["exec", *line.split()]).exit_code == 2
    assert not calls
