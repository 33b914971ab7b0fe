"""Options that several commands have, and what they do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from math import inf
from typing import Annotated, Any

import typer

from testbed.durations import parse_long_duration
from testbed.errors import UsageError
from testbed.units import parse_percentage

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before data is deleted.")]


def duration_option(
    *names: str,
    help: str,  # noqa: A002 - as Typer calls it
    least: float = 0.0,
    most: float = inf,
    show_default: str | bool = True,
) -> Any:  # noqa: ANN401 - Typer's own type of an option
    """Return an option that takes a duration with its unit, such as ``30s``, and gives seconds.

    Args:
        names: of the option.
        help: what it is for.
        least: the shortest one, seconds.
        most: the longest one, seconds.
        show_default: the default as the help shows it.
    """
    return typer.Option(*names, help=help, metavar="DURATION", parser=_duration(least, most), show_default=show_default)


def percentage_option(*names: str, help: str, most: float, show_default: str | bool = True) -> Any:  # noqa: A002, ANN401
    """Return an option that takes a percentage, such as ``30%``, and gives its number.

    Args:
        names: of the option.
        help: what it is for.
        most: the greatest percentage.
        show_default: the default as the help shows it.
    """

    def percentage(value: object) -> float:
        if isinstance(value, int | float):  # the default
            return float(value)
        try:
            number = parse_percentage(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        if number > most:
            raise typer.BadParameter(f"{value!r} must be at most {most:g}%")
        return number

    return typer.Option(*names, help=help, metavar="PERCENTAGE", parser=percentage, show_default=show_default)


def format_long_duration(seconds: float) -> str:
    """Return a duration with the longest unit of which it is a multiple: ``8h``, ``2m``, ``90s``."""
    for unit, factor in (("h", 3600), ("m", 60)):
        if seconds >= factor and seconds % factor == 0:
            return f"{seconds / factor:g}{unit}"
    return f"{seconds:g}s" if seconds >= 1 or not seconds else f"{seconds * 1000:g}ms"


def _duration(least: float, most: float) -> Callable[[object], float]:
    def duration(value: object) -> float:
        if isinstance(value, int | float):  # the default
            return float(value)
        try:
            seconds = parse_long_duration(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        if not least <= seconds <= most:
            limits = f"at least {format_long_duration(least)}"
            limits += "" if most == inf else f" and at most {format_long_duration(most)}"
            raise typer.BadParameter(f"{value!r} must be {limits}")
        return seconds

    return duration


class Consent:
    """The user's consent to delete data: ``--yes``, or an answer at the terminal.

    Args:
        given: whether ``--yes`` is.
    """

    def __init__(self, *, given: bool) -> None:
        self._given = given

    def ask(self, what: str) -> None:
        """Ask for the user's consent.

        Args:
            what: is about to happen, as a sentence without its full stop.

        Raises:
            UsageError: there is no terminal to ask at.
            Abort: the user declined.
        """
        self.must_be_possible(what)
        if not self._given and not typer.confirm(f"{what}. Continue?", err=True):
            raise typer.Abort

    def must_be_possible(self, what: str) -> None:
        """Refuse, before anything is done, if the user cannot be asked.

        Args:
            what: would happen, as a sentence without its full stop.

        Raises:
            UsageError: ``--yes`` is not given, and there is no terminal to ask at.
        """
        if not self._given and not sys.stdin.isatty():
            raise UsageError(
                f"{what}, and standard input is not a terminal to ask at", fix="run the command again with --yes"
            )


def print_json(document: object) -> None:
    """Print the one document of ``--json``; a set is a list that has no order."""
    typer.echo(json.dumps(document, indent=2, default=_plain))


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, set | frozenset) else str(value)
