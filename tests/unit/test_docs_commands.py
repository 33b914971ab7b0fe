"""The commands of tutorial and how-to: each can be typed, and those that need no cluster print what the page shows."""

from __future__ import annotations

import importlib
import re
import shlex
import signal
import sys
from pathlib import Path

import pytest
import typer
from typer.exceptions import TyperException

from docs_blocks import (
    PAGES,
    TUTORIAL,
    Command,
    commands,
    inline_commands,
    missing_lines,
    parse_command_line,
    saved_files,
)
from docs_links import DOCS, ROOT

# By its name: the package has the function of the same name.
program = importlib.import_module("testbed.cli.main")
ALL = [command for page in PAGES for command in commands(page)]
OFFLINE = [command for command in ALL if command.offline]
EVERY = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

VARIABLES = set(re.findall(r"\$\(([A-Z_]+)\)", (ROOT / "Makefile").read_text()))


@pytest.mark.parametrize("command", [each for each in ALL if each.line.startswith("testbed ")], ids=str)
def test_each_command_of_testbed_is_a_right_command_line(command: Command) -> None:
    line = re.split(r" (?:>|>>|2>|&&|\||;)", command.line)[0].rstrip("; ")
    arguments = [word for word in shlex.split(line)[1:] if word not in ("&", "[FILE]")]
    if arguments != ["--version"]:
        parse_command_line(arguments)


@pytest.mark.parametrize("page", EVERY, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_command_within_a_sentence_exists(page: Path) -> None:
    for arguments in inline_commands(page.read_text()):
        assert parses(arguments), f"{page.relative_to(ROOT)}: `{shlex.join(arguments)}`"


def parses(arguments: list[str]) -> bool:
    """Return whether a command line is right, but for what it lacks and the names that stand for others."""
    if arguments[0] == "make":
        return arguments[1] in TARGETS and {word.partition("=")[0] for word in arguments[2:]} <= VARIABLES
    try:
        parse_command_line(arguments[1:])
    except typer.Exit:  # of `--help`
        return True
    except TyperException as error:
        return type(error).__name__ in ("MissingParameter", "NoArgsIsHelpError")
    return True


def test_an_option_or_a_command_that_does_not_exist_is_found() -> None:
    text = "`testbed up --profile hardened`, `testbed up --colour`, `testbed upp`, `testbed down`, `make nothing`"
    assert [parses(arguments) for arguments in inline_commands(text)] == [True, False, False, True, False]


@pytest.mark.parametrize("command", [each for each in ALL if each.line.startswith("make ")], ids=str)
def test_each_target_of_make_exists(command: Command) -> None:
    for part in re.split(r"; *|&& *", command.line):
        assert shlex.split(part)[:1] == ["make"]
        assert shlex.split(part)[1] in TARGETS


@pytest.mark.parametrize("command", OFFLINE, ids=str)
def test_a_command_that_needs_no_cluster_prints_what_the_page_shows(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = saved_files(command.page)
    if "mine.yaml" in files:  # the page shows what one wrong word is answered with
        files["wrong.yaml"] = files["mine.yaml"].replace("sql-write", "sql-wirte")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", shlex.split(command.line))
    with pytest.raises(SystemExit) as end:
        program.main()
    printed = capsys.readouterr()
    assert end.value.code == (1 if any(line.startswith("✗") for line in command.output) else 0), printed.err
    assert missing_lines(command, printed.out + printed.err) == []


def test_the_tutorial_has_commands_of_both_kinds() -> None:
    tutorial = list(commands(TUTORIAL))
    assert len([each for each in tutorial if each.offline]) >= 4
    assert len([each for each in tutorial if not each.offline]) >= 8


def test_a_page_that_shows_what_is_not_printed_is_found() -> None:
    command = Command(DOCS / "tutorial.md", "testbed faults", ("one   two", "...", "three ..."))
    assert missing_lines(command, "zero\none two\nbetween\nthree four\n") == []
    assert missing_lines(command, "three four\none two\n") == ["three ..."]
    assert missing_lines(command, "one  two three\n") == ["one two", "three ..."]
