"""The program ``testbed``: its commands, and how it ends when something goes wrong."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pkgutil import iter_modules
from typing import ParamSpec, TypeVar

import requests
import typer
import typer.exceptions
from docker.errors import DockerException

import testbed.cli as commands
from testbed import settings as configuration
from testbed.cli.output import err
from testbed.cluster.lock import Use, hold
from testbed.errors import TestbedError

app = typer.Typer(
    help="A high-availability webmail cluster on one machine, and what its users see when a part of it dies.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
NOT_COMMANDS = {"main", "output"}
P = ParamSpec("P")
R = TypeVar("R")


def holds(use: Use) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have a command hold the cluster from before its first line to its end; it is refused while another holds it.

    Args:
        use: what the command does with the cluster.
    """

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @wraps(command)
        def holding(*args: P.args, **kwargs: P.kwargs) -> R:
            with hold(configuration.load(), use):
                return command(*args, **kwargs)

        return holding

    return decorate


def register() -> None:
    """Import every command, which adds it to ``app``."""
    for module in sorted(module.name for module in iter_modules(commands.__path__)):
        if module not in NOT_COMMANDS:
            importlib.import_module(f"testbed.cli.{module}")


def main() -> None:
    """Run the program; every failure is one clear line and an exit status.

    Exit status: 0 done, 1 a wrong answer (such as an unhealthy cluster), 2 usage, 4 testbed could not do it,
    130 Ctrl-C.
    """
    register()
    # A polite kill is Ctrl-C from somebody else: what runs must be left as tidy.
    for polite in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(polite, signal.default_int_handler)
    try:
        sys.exit(app(standalone_mode=False))
    except TestbedError as error:
        err.print(f"[bold red]testbed:[/] {_escape(str(error))}", highlight=False)
        sys.exit(error.exit_status)
    except (DockerException, requests.RequestException, OSError) as error:
        err.print(
            f"[bold red]testbed:[/] the engine or the system refused: {_escape(_first_line(error))}", highlight=False
        )
        sys.exit(TestbedError.exit_status)
    except typer.exceptions.TyperException as error:
        sys.exit(_usage(error))
    except (KeyboardInterrupt, typer.Abort):
        err.print("\ntestbed: interrupted; the same command goes on from here, `testbed down` removes the cluster")
        sys.exit(INTERRUPTED)


def _usage(error: typer.exceptions.TyperException) -> int:
    """Tell a mistyped command line in one line."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    err.print(f"[bold red]testbed:[/] {_escape(message)} (`testbed --help` lists what there is)", highlight=False)
    return 2


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
