"""The manual page testbed(1), made from the commands' own help: ``python tools/docs_man.py build/testbed.1``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import typer

from docs_tables import parse_arguments
from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import OUTPUT_PANEL
from testbed.cli.main import load_all
from testbed.cli.table import COMMANDS


def manual() -> str:
    """Return the page, in the language of man(7)."""
    group = load_all()
    lines = [f'.TH TESTBED 1 "" "testbed {version("testbed")}"', ".SH NAME", "testbed \\- " + _text(_first(group.help))]
    lines += [".SH SYNOPSIS", ".B testbed", "[\\-q] [\\-v] COMMAND [ARGUMENT]...", ".SH COMMANDS"]
    for panel, entries in groupby(COMMANDS, lambda entry: entry.panel):
        lines.append(f".SS {panel}")
        for entry in entries:
            lines += _command(group.commands[entry.name], f"testbed {entry.name}")
    lines.append(".SH EXIT STATUS")
    for name, meaning in parse_arguments(ExitStatus, "Attributes").items():
        lines += [".TP", str(int(ExitStatus[name])), _text(meaning)]
    lines += [".SH SEE ALSO", "The documentation: README.md, docs/, and the site that", ".B make docs", "builds."]
    return "\n".join(lines) + "\n"


def _command(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - Click's types are private to Typer
    """Yield the lines of a command and its subcommands."""
    context = typer.Context(command, info_name=path)
    yield ".TP"
    yield f".B {_text(command.get_usage(context).removeprefix('Usage: '))}"
    for number, paragraph in enumerate((command.help or "").split("\n\n")):
        if number:
            yield ".IP"
        yield _text(paragraph)
    for param in command.params:
        record = param.get_help_record(context)
        if record and getattr(param, "rich_help_panel", None) != OUTPUT_PANEL and "--help" not in param.opts:
            names = re.sub(r" <[^>|]*>", "", record[0])
            yield f".IP\n\\fB{_text(names)}\\fR: {_text(record[1])}"
    for name, child in getattr(command, "commands", {}).items():
        yield from _command(child, f"{path} {name}")


def _first(text: str | None) -> str:
    return (text or "").split("\n\n")[0].strip().rstrip(".")


def _text(text: str) -> str:
    """Return a text in one line that man(7) prints as it is."""
    joined = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{joined}" if joined.startswith((".", "'")) else joined


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(manual())
