"""Processes of this computer, known by number and start: the kernel gives a number again (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path


def identify(pid: int | None = None) -> str:
    """Return a process's identity, such as ``4711-163204``.

    Args:
        pid: the process; by default this one.

    Returns:
        Its number and its start in clock ticks since boot. Empty if there is no such process, or if it has ended and
        its parent has not asked for its status yet.
    """
    number = os.getpid() if pid is None else pid
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return ""
    # The program's name, which may hold anything, is in parentheses.
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else f"{number}-{fields[18]}"


def lives(identity: str) -> bool:
    """Return whether the process with this identity still runs.

    Args:
        identity: from ``identify``; anything else is no process's.
    """
    number = identity.partition("-")[0]
    return number.isdigit() and identify(int(number)) == identity
