"""How fast testbed's own commands are, timed as a user types them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import TestbedError

# A command that takes longer than this hangs.
LIMIT_SECONDS = 900.0
Run = Callable[[Sequence[str]], None]
"""Runs a command of testbed with these arguments."""


@dataclass(frozen=True, slots=True)
class TimedCommand:
    """A command whose duration is a figure.

    Attributes:
        title: its name for people.
        arguments: what follows ``testbed``.
        target: the median that it is to stay within, seconds.
    """

    title: str
    arguments: tuple[str, ...]
    target: float


def timed_commands(up_arguments: Sequence[str]) -> tuple[TimedCommand, ...]:
    """Return the commands of a round, in their order: each finds the cluster as the one before it has left it.

    Args:
        up_arguments: the options of ``testbed up`` that bring up the cluster's shape.
    """
    return (
        TimedCommand("up, from images to the first page of a user", ("up", *up_arguments), 6.0),
        TimedCommand("up, of a cluster that is up", ("up",), 2.0),
        TimedCommand("status", ("status",), 0.5),
        TimedCommand("reset", ("reset", "--yes"), 5.0),
        # 150 trials an hour.
        TimedCommand("run database-power-loss, with all checks", ("run", "database-power-loss"), 24.0),
        TimedCommand("down", ("down",), 3.0),
    )


def time_rounds(
    commands: Sequence[TimedCommand], repeat: int, run: Run, clock: Callable[[], float] = time.monotonic
) -> Iterator[tuple[TimedCommand, float]]:
    """Time each command, round by round.

    Args:
        commands: of one round.
        repeat: how many rounds.
        run: runs one of them.
        clock: seconds.

    Yields:
        Each command with its seconds, when it has ended.

    Raises:
        TestbedError: a command failed.
    """
    for _ in range(repeat):
        for command in commands:
            begun = clock()
            run(command.arguments)
            yield command, clock() - begun


def run_testbed(arguments: Sequence[str]) -> None:
    """Run testbed as a program of its own, so that its start counts, too.

    Args:
        arguments: what follows ``testbed``.

    Raises:
        TestbedError: it fails or hangs.
    """
    line = [str(Path(sys.executable).with_name("testbed")), *arguments]
    shown = f"`testbed {' '.join(arguments)}`"
    try:
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise TestbedError(f"{shown} did not end in {LIMIT_SECONDS:.0f} s") from None
    if done.returncode:
        last = ([*done.stdout.splitlines(), *done.stderr.splitlines()] or ["no output"])[-1].strip()
        raise TestbedError(f"{shown} ended with status {done.returncode}: {last}")
