"""A group of commands whose modules are imported when a command is called, so that ``--help`` answers at once."""

from __future__ import annotations

import importlib
import inspect
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from testbed.cli import collector
from testbed.cli.output import verbosity
from testbed.cli.table import COMMANDS, CommandEntry

OUTPUT_PANEL = "Output"
# The old names of options, with the new ones that the error names.
RENAMED = {
    ("testbed bench failover", "--trials"): "--repeat",
    ("testbed bench idle", "--seconds"): "--for 30s",
    ("testbed bench overhead", "--rounds"): "--repeat",
    ("testbed bench overhead", "--seconds"): "--for 40s",
    ("testbed bench paper", "--rounds"): "--repeat",
    ("testbed bench sessions", "--rounds"): "--repeat",
    ("testbed bench sessions", "--seconds"): "--for 40s",
    ("testbed bench single", "--rounds"): "--repeat",
    ("testbed bench single", "--seconds"): "--for 40s",
    ("testbed bench soak", "--minutes"): "--for 10m",
    ("testbed hunt", "--hours"): "--for 8h",
    ("testbed load", "--rate"): "--spawn-rate",
    ("testbed load", "--seconds"): "--for 60s",
    ("testbed bench overhead", "--think-scale"): "--think-time 30%",
    ("testbed bench sessions", "--think-scale"): "--think-time 30%",
    ("testbed bench single", "--think-scale"): "--think-time 30%",
    ("testbed load", "--think-scale"): "--think-time 100%",
    ("testbed load", "--think"): "--think-time 100%",
    ("testbed run", "--keep"): "--no-heal",
    ("testbed up", "--keep"): "--keep-failed",
}


class CommandInterrupted(BaseException):
    """Ctrl-C, or a pipe whose reader has gone: the command ended before its work was done."""


class CommandGroup(TyperGroup):
    """The program's commands: lines of the table until one is called."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - Typer's own, passed through
        attributes["commands"] = {
            entry.name: TyperCommand(entry.name, help=entry.summary, rich_help_panel=entry.panel) for entry in COMMANDS
        }
        super().__init__(**attributes)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - Click's types are private to Typer
        """Find the command that is called, and import it."""
        for entry in COMMANDS:
            if args and entry.name == args[0]:
                with collector.spared():
                    self.load(entry)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Click's types are private to Typer
        """Run the command; Ctrl-C is distinguished from a command that ends with status 130."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, typer.Abort, BrokenPipeError) as error:
            raise CommandInterrupted from error

    def load(self, entry: CommandEntry) -> None:
        """Import a command and put it in the place of its line."""
        first, *_ = [importlib.import_module(f"testbed.cli.{module}") for module in entry.modules]
        command = typer.main.get_command(first.app)
        command.name = entry.name
        if isinstance(command, TyperCommand | TyperGroup):
            command.rich_help_panel = entry.panel
        _add_output_options(command)
        _join_lines(command)
        self.commands[entry.name] = command


def new_app(**settings: Any) -> typer.Typer:  # noqa: ANN401 - Typer's own, passed through
    """Return the Typer application of one command's module.

    Args:
        settings: as for ``typer.Typer``.
    """
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, **settings)


def examples(*lines: str) -> str:
    """Return the end of a command's help: command lines to copy."""
    title = "Example:" if len(lines) == 1 else "Examples:"
    # Brackets would be read as Rich's markup.
    return "\n\n".join([title, "\n".join(f"  $ {line}" for line in lines).replace("[", r"\[")])


def _quiet(value: bool) -> None:
    if value:
        verbosity.set_quiet(value)


def _verbose(value: bool) -> None:
    if value:
        verbosity.set_verbose(value)


Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print results and errors only.", callback=_quiet, expose_value=False,
        rich_help_panel=OUTPUT_PANEL,
    ),
]  # fmt: skip
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Print the programs that testbed starts, and its requests to the engine.",
        callback=_verbose, expose_value=False, rich_help_panel=OUTPUT_PANEL,
    ),
]  # fmt: skip


def _add_output_options(command: Any) -> None:  # noqa: ANN401 - Click's types are private to Typer
    """Let ``-q`` and ``-v`` stand behind a command, too."""
    for child in getattr(command, "commands", {}).values():
        _add_output_options(child)
    taken = {name for param in command.params for name in param.opts}

    def only_output(quiet: Quiet = False, verbose: Verbose = False) -> None:
        """Have Typer make the two options."""

    app = new_app()
    app.command()(only_output)
    command.params += [each for each in typer.main.get_command(app).params if taken.isdisjoint(each.opts)]


def _join_lines(command: Any) -> None:  # noqa: ANN401 - Click's types are private to Typer
    """Let a terminal's width break the lines of a help text, and not the width of its source."""
    for child in getattr(command, "commands", {}).values():
        _join_lines(child)
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(each.split()) for each in paragraphs)
