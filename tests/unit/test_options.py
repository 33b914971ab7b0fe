"""Options that several commands have: durations, consent, JSON, and options that had another name."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_command_line import leaves
from typer.testing import CliRunner

from testbed.cli import app
from testbed.cli.group import RENAMED
from testbed.cli.main import load_all
from testbed.cli.options import Consent, format_long_duration
from testbed.durations import parse_long_duration
from testbed.errors import UsageError

TESTBED = Path(sys.executable).with_name("testbed")
# Commands that print a report for people. Others change something, or hand through what a node prints.
REPORTING = {
    "backup", "bench failover", "bench idle", "bench overhead", "bench paper", "bench scale", "bench sessions",
    "bench single", "bench soak", "bench speed", "bundle", "compare", "doctor", "faults", "hunt", "incidents",
    "inspect", "logs", "pool list", "probes", "report", "resolve read", "resolve split-brain", "run", "runs",
    "status", "validate", "verify", "verify-copies",
}  # fmt: skip


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    return dict(leaves(load_all()))


@pytest.mark.parametrize(
    ("text", "seconds"), [("200ms", 0.2), ("30s", 30), ("2m", 120), ("1.5m", 90), ("8h", 28800), (" 0.5h ", 1800)]
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert parse_long_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["1:30", "30", "", "s", "-5s", "1m30s", "5d", "1e3s", "٣s"])
def test_what_is_not_a_duration_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration: write a number with its unit, as 200ms, 30s, 2m or 8h"):
        parse_long_duration(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "load --for 1:30",
            r"Invalid value for '--for': '1:30' is not a duration: write .*; see `testbed load --help`",
        ),
        ("load --for 0.5s", r"'0\.5s' must be at least 1s and at most 24h; see `testbed load --help`"),
        (
            "roll --patience 60",
            r"Invalid value for '--patience': '60' is not a duration: .*; see `testbed roll --help`",
        ),
        ("bench soak --for 1s", r"'1s' must be at least 30s and at most 10h; see `testbed bench soak --help`"),
    ],
)
def test_a_wrong_duration_is_one_line(line: str, message: str) -> None:
    result = subprocess.run([TESTBED, *line.split()], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert re.fullmatch(f"testbed: .*{message}\n", result.stderr)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.2, "200ms"), (1.5, "1.5s"), (60, "1m"), (90, "90s"), (28800, "8h")]
)
def test_a_duration_is_printed_as_it_is_written(seconds: float, text: str) -> None:
    assert format_long_duration(seconds) == text
    assert parse_long_duration(text) == seconds


def test_every_command_that_reports_has_json(commands: dict[str, Any]) -> None:
    have = {name for name, command in commands.items() if any("--json" in param.opts for param in command.params)}
    assert have == REPORTING


def test_no_option_is_a_number_of_seconds_without_a_unit(commands: dict[str, Any]) -> None:
    for name, command in commands.items():
        for param in command.params:
            assert not {"--seconds", "--minutes", "--hours", "--rounds", "--trials"} & set(param.opts), name
            if {"--for", "--timeout", "--patience", "--since"} & set(param.opts):
                assert param.metavar == "DURATION", name


def test_an_option_that_was_renamed_names_the_new_one(commands: dict[str, Any]) -> None:
    for (path, old), new in RENAMED.items():
        options = {option for param in commands[path.removeprefix("testbed ")].params for option in param.opts}
        assert old not in options, path
        assert new.split()[0] in options, path
    result = subprocess.run([TESTBED, "run", "x", "--keep"], capture_output=True, text=True, check=False, timeout=60)
    assert result.stderr == "testbed: No such option: --keep; it is now --no-heal; see `testbed run --help`\n"


def test_consent_is_given_by_an_option() -> None:
    Consent(given=True).ask("the data is deleted")


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match="the data is deleted, and standard input is not a terminal") as caught:
        Consent(given=False).ask("the data is deleted")
    assert caught.value.fix == "run the command again with --yes"


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 130), ("", 130)])
def test_a_terminal_is_asked(answer: str, status: int) -> None:
    script = (
        "import sys\nfrom testbed.cli import schema\nfrom testbed.cli.options import Consent\n"
        "schema.SCHEMAS['cluster'] = lambda: Consent(given=False).ask('the data is deleted')\n"
        "from testbed.cli import main\nmain()"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", script, "schema"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.write(ours, f"{answer}\n".encode())
        _, printed = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert "the data is deleted. Continue? [y/N]" in printed
    assert process.returncode == status
    assert ("nothing was changed" in printed) == bool(status)


def test_json_prints_one_document(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    result = CliRunner().invoke(app, ["runs", "--json"])
    assert result.output == "[]\n"
