"""Processes of this computer, known by number and start: the kernel gives a number again (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path


def started_at(pid: int, proc: Path = Path("/proc")) -> int | None:
    """Return when a process started, in clock ticks since boot, None when it is gone or a zombie."""
    try:
        stat = (proc / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name, second field, is in parentheses and may hold anything.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])


def identify(pid: int | None = None) -> str:
    """Return a process's identity, such as ``4711-163204``: its number and its start.

    Args:
        pid: the process; by default this one.

    Returns:
        The identity; empty if the process is gone or a zombie.
    """
    number = os.getpid() if pid is None else pid
    started = started_at(number)
    return "" if started is None else f"{number}-{started}"


def is_running(identity: str) -> bool:
    """Return whether the process with this identity still runs.

    Args:
        identity: from ``identify``; anything else belongs to no process.
    """
    number = identity.partition("-")[0]
    return number.isdigit() and identify(int(number)) == identity
