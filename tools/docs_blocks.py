"""The commands that a reader of the documentation types, with the output that the pages show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from docs_links import DOCS, without_fences
from testbed.cli.main import load_all

TUTORIAL = DOCS / "tutorial.md"
# Pages with commands that a reader types, in this order.
PAGES = (
    TUTORIAL,
    *sorted((DOCS / "how-to").glob("*.md")),
    *(DOCS / f"{name}.md" for name in ("applications", "backup", "hunt", "openbsd", "operations", "split-brain")),
)
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)``` *$", re.DOTALL | re.MULTILINE)
_SAVED = re.compile(r"Save this as `([^`]+)`[^\n]*\n\n```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
# How a line of a block without prompts begins, if it is one to type.
_TYPED = ("testbed ", "make ", ".venv/bin/testbed ")
# To parse this option is to change the shell's start file.
_INSTALLS = "--install-completion"
# Commands that need no cluster and no Docker.
_OFFLINE = re.compile(
    r"testbed (--version|faults|incidents|validate|schema|graph --no-state|(run|hunt)\b.* --dry-run)\b"
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a page.

    Attributes:
        page: the page's file.
        line: what to type, without a comment.
        output: the lines that the page shows below it; ``...`` stands for any.
    """

    page: Path
    line: str
    output: tuple[str, ...] = ()

    @property
    def offline(self) -> bool:
        """Whether it needs neither a cluster nor Docker."""
        return _OFFLINE.match(self.line) is not None

    def __str__(self) -> str:
        """Return the page and the command, as a test's name."""
        return f"{self.page.stem}: {self.line}"


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of a page, in order."""
    for block in _BLOCK.finditer(page.read_text()):
        lines = [line.removeprefix(block["indent"]) for line in block["text"].splitlines()]
        if block["kind"] == "console" or (not block["kind"] and any(line.startswith("$ ") for line in lines)):
            yield from _with_output(page, lines)
        elif not block["kind"]:
            yield from (Command(page, _without_comment(line)) for line in lines if line.startswith(_TYPED))


def inline_commands(markdown: str) -> Iterator[list[str]]:
    """Yield the commands that stand in code spans of a page, as arguments. Words in capitals are placeholders."""
    text = re.sub(r"^\*\*Message:\*\*.*$", "", without_fences(markdown), flags=re.MULTILINE)
    for span in re.finditer(r"`([^`]+)`", text):
        line = " ".join(span[1].split()).removeprefix(".venv/bin/")
        if line.startswith(_TYPED) and not line.split()[1].isupper() and _INSTALLS not in line:
            yield [word for word in shlex.split(re.split(r"[;|>]", line)[0]) if word != "..."]


def parse_command_line(arguments: list[str]) -> None:
    """Parse the arguments of testbed as the program does, and run nothing.

    Raises:
        click.UsageError: the program would refuse them.
    """
    group = _program()
    context = group.make_context("testbed", list(arguments))
    while hasattr(context.command, "commands"):
        rest = [*context._protected_args, *context.args]  # noqa: SLF001 - Click has no other name for them
        if not rest:
            return
        name, command, rest = context.command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


@cache
def _program() -> Any:  # noqa: ANN401 - Click's types are private to Typer
    return load_all()


def saved_files(page: Path) -> dict[str, str]:
    """Return the files that a reader of the page saves: name and text."""
    return {match[1]: match[2] for match in _SAVED.finditer(page.read_text())}


def missing_lines(command: Command, printed: str) -> list[str]:
    """Return the lines that a page shows below a command and that the command did not print, in this order.

    Args:
        command: the command.
        printed: all that it printed.
    """
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    return [
        shown
        for each in command.output
        if (shown := " ".join(each.split())) not in ("...", "") and not any(_fits(shown, line) for line in lines)
    ]


def _fits(shown: str, line: str) -> bool:
    return line.startswith(shown.removesuffix("...").rstrip()) if shown.endswith("...") else line == shown


def _with_output(page: Path, lines: list[str]) -> Iterator[Command]:
    line, output = "", []
    for each in [*lines, "$ "]:
        if not each.startswith("$ "):
            output.append(each)
            continue
        if line:
            yield Command(page, line, tuple(output))
        line, output = _without_comment(each.removeprefix("$ ")), []


def _without_comment(line: str) -> str:
    return re.sub(r" +# .*", "", line).strip().removeprefix(".venv/bin/")
