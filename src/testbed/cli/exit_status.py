"""What the program ends with; each number means one thing in every command (docs/commands.md)."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum


class ExitStatus(IntEnum):
    """An exit status of the program.

    Attributes:
        OK: the command did what it was asked to do; a run passes, the cluster is healthy, both copies are equal.
        FAILED: a check of a run fails, the cluster is not healthy, requests of a load failed.
        USAGE: a wrong option or file, a cluster in use, or no cluster; nothing was changed.
        UNKNOWN: a run could not be judged, or a comparison did not finish.
        TESTBED_FAILED: the engine stopped, a node did not boot, or testbed has a bug.
        INTERRUPTED: Ctrl-C, a signal, or "no" to a question ended the command before its work was done.
    """

    OK = 0
    FAILED = 1
    USAGE = 2
    UNKNOWN = 3
    TESTBED_FAILED = 4
    INTERRUPTED = 130


def worst(statuses: Collection[int]) -> int:
    """Return the exit status of several runs: that testbed failed, that one failed, that one is unknown, else 0."""
    order = (ExitStatus.TESTBED_FAILED, ExitStatus.FAILED, ExitStatus.UNKNOWN)
    return next((status for status in order if status in statuses), ExitStatus.OK)


def of_program(status: int) -> int:
    """Return the exit status of a program as a shell has it: 128 and the signal, where one ended it.

    Args:
        status: its exit code, or the negative number of a signal.
    """
    return 128 - status if status < 0 else status
