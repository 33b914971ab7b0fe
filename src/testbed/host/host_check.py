"""What a check of the machine found, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        name: what was checked.
        status: whether the cluster can run.
        what: what was found, one line.
        fix: what to do about it; empty when all is well.
    """

    name: str
    status: Level
    what: str
    fix: str = ""


def ok(name: str, what: str) -> Finding:
    """Return a finding that needs nothing done."""
    return Finding(name, Level.OK, what)


def warn(name: str, what: str, fix: str) -> Finding:
    """Return a finding that the cluster can live with."""
    return Finding(name, Level.WARN, what, fix)


def fail(name: str, what: str, fix: str) -> Finding:
    """Return a finding that the cluster cannot run with."""
    return Finding(name, Level.FAIL, what, fix)
