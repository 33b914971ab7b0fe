"""``testbed fault``: operations are refused, and renamed faults are answered with their new name."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from testbed.cli.main import app
from testbed.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("drain", "app-1"), "'drain' is an operation, not a fault; run `testbed pool drain APPLICATION app-1`"),
        (("resign", "db:primary"), "'resign' is an operation, not a fault; run `testbed resign db:primary`"),
        (("process-stop", "db1", "process=postgres"), "the fault 'process-stop' was renamed; write process-hang"),
    ],
)
def test_former_names_are_answered_with_the_new_ones(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "nobodys")
    result = CliRunner().invoke(app, ["fault", *arguments])
    assert isinstance(result.exception, UsageError), result.output
    assert str(result.exception) == message
    assert result.exception.exit_status == 2
