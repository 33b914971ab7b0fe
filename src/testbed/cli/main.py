"""The program ``testbed``: its options, and how it ends when something goes wrong."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import TyperException

from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import RENAMED, CommandGroup, CommandInterrupted, Quiet, Verbose, examples
from testbed.cli.output import errors, verbosity
from testbed.cli.table import COMMANDS
from testbed.errors import TestbedError, UsageError

app = typer.Typer(
    name="testbed",
    cls=CommandGroup,
    help="Test what users see when a part of a highly available site dies: a webmail cluster on one computer.",
    epilog=examples(
        "testbed up", "testbed run database-power-loss", "testbed fault power-loss db:primary", "testbed up --help"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - every command would pay for it

        typer.echo(f"testbed {version('testbed')}")
        raise typer.Exit


@app.callback()
def options(
    quiet: Quiet = False,
    verbose: Verbose = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """The options of all commands; what they do is done by their callbacks."""


def load_all() -> CommandGroup:
    """Import every command, and return the program."""
    group = typer.main.get_command(app)
    assert isinstance(group, CommandGroup)  # noqa: S101 - for the type checker
    for entry in COMMANDS:
        group.load(entry)
    return group


def main() -> None:
    """Run the program; every failure is one clear line and an exit status (docs/commands.md)."""
    # A polite kill is Ctrl-C from somebody else: what runs must be left as tidy.
    for polite in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(polite) is not signal.SIG_IGN:  # nohup(1): what runs shall outlive the terminal
            signal.signal(polite, signal.default_int_handler)
    sys.unraisablehook = _report_unraisable
    try:
        status = app(standalone_mode=False) or ExitStatus.OK
    except (KeyboardInterrupt, CommandInterrupted) as error:
        status = _interrupted(error)
    except Exception as error:  # noqa: BLE001 - no failure may look like a failed check, which has status 1
        status = _failed(error)
    sys.exit(status)


def _report_unraisable(error: sys.UnraisableHookArgs) -> None:
    """Print an exception of a finalizer, but not a further interrupt, which the program's last line has reported."""
    if not issubclass(error.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(error)


def _failed(error: Exception) -> int:
    """Print why the program ends, in one line; returns its exit status."""
    if isinstance(error, TyperException):
        return _usage(error)
    if verbosity.verbose and not isinstance(error, UsageError):
        traceback.print_exception(error)
    if isinstance(error, TestbedError):
        _print(str(error))
        return error.exit_status
    # The engine's errors are requests' (an OSError) or docker's, which is not imported for its name alone.
    if isinstance(error, OSError) or type(error).__module__.startswith("docker."):
        _print(f"the engine or the system refused: {_first_line(error)}")
    else:
        _print(f"this is a bug in testbed: {type(error).__name__}: {_first_line(error)}; -v prints the traceback")
    return ExitStatus.TESTBED_FAILED


def _interrupted(error: BaseException) -> int:
    if isinstance(error.__cause__, BrokenPipeError):
        # The reader of standard output has gone: Python would complain once more when it flushes the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.INTERRUPTED
    if isinstance(error.__cause__, typer.Abort):
        errors.print("testbed: nothing was changed")
        return ExitStatus.INTERRUPTED
    errors.print("\ntestbed: interrupted")
    return ExitStatus.INTERRUPTED


def _usage(error: TyperException) -> int:
    """Print what is wrong with a command line, in one line that names the help to read."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # Typer has printed the help
        return ExitStatus.USAGE
    path = context.command_path if context else "testbed"
    message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    if renamed := RENAMED.get((path, str(getattr(error, "option_name", "")))):
        message = f"{message.partition(' (Possible')[0]}; it is now {renamed}"
    _print(f"{message}; see `{path} --help`")
    return ExitStatus.USAGE


def _print(text: str) -> None:
    errors.print(f"[bold red]testbed:[/] {_escape(text)}", highlight=False)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
