"""The page of all commands, made from their own help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import typer

from docs_tables import as_markdown, code, table, title
from testbed.cli.group import OUTPUT_PANEL
from testbed.cli.main import load_all
from testbed.cli.table import COMMANDS

# Options that every command has; docs/commands.md explains them.
COMMON = {"--help", "--install-completion", "--show-completion"}


def commands() -> str:
    """Return the page: each command with its arguments, options and examples."""
    group = load_all()
    text = title(
        "Commands",
        "Made from the commands' own help, which `testbed COMMAND --help` prints. Options of every command, questions "
        "before data is deleted and output are on the page [command line](../commands.md).",
    )
    for panel, entries in groupby(COMMANDS, lambda entry: entry.panel):
        rows = [[f"[`{each.name}`](#testbed-{each.name})", each.summary] for each in entries]
        text += f"**{panel}**\n\n{table(['command', ''], rows)}\n"
    for entry in COMMANDS:
        text += "".join(_command(group.commands[entry.name], f"testbed {entry.name}"))
    return text


def _command(command: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - Click's types are private to Typer
    """Yield the section of a command, and those of its subcommands."""
    depth = "#" * path.count(" ") + "#"
    yield f"{depth} {path}\n\n{as_paragraphs(command.help or '')}\n\n"
    context = typer.Context(command, info_name=path)
    usage = command.get_usage(context).removeprefix("Usage: ")
    yield f"```\n{usage}\n```\n\n"
    rows = [row for param in command.params if (row := _row(param, context))]
    if rows:
        yield table(["", "what it does"], rows) + "\n"
    if examples := re.findall(r"^ *\$ (.+)$", (command.epilog or "").replace("\\[", "["), re.MULTILINE):
        yield "```console\n" + "".join(f"$ {line}\n" for line in examples) + "```\n\n"
    for name, child in getattr(command, "commands", {}).items():
        yield from _command(child, f"{path} {name}")


def as_paragraphs(text: str) -> str:
    """Return a help text with its paragraphs, each in one line."""
    return "\n\n".join(as_markdown(each) for each in text.split("\n\n"))


def _row(param: Any, context: Any) -> list[str] | None:  # noqa: ANN401 - likewise
    if getattr(param, "rich_help_panel", None) == OUTPUT_PANEL or COMMON.intersection(param.opts):
        return None
    names, meaning = param.get_help_record(context)
    # Python's names of types say nothing to a reader: `<str>`, `<int range>`; choices `<a|b>` do.
    names = re.sub(r" <[^>|]*>", "", names)
    return [code(names), as_markdown(re.sub(r"\[default: \((.*?)\)", r"[default: \1", meaning))]
