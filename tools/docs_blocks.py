"""The commands that pages of the documentation tell a reader to type, with the output that the pages show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs_links import DOCS

TUTORIAL = DOCS / "tutorial.md"
# Pages that tell a reader what to type, in this order.
PAGES = (
    TUTORIAL,
    *sorted((DOCS / "how-to").glob("*.md")),
    *(DOCS / f"{name}.md" for name in ("applications", "backup", "hunt", "openbsd", "operations", "split-brain")),
)
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)``` *$", re.DOTALL | re.MULTILINE)
_SAVED = re.compile(r"Save this as `([^`]+)`[^\n]*\n\n```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
# How a line of a block without prompts begins, if it is one to type.
_TYPED = ("testbed ", "make ", ".venv/bin/testbed ")
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


def saved_files(page: Path) -> dict[str, str]:
    """Return the files that a page tells its reader to save: name and text."""
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
