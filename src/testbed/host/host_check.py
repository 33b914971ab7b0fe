"""What a check of the host found, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class CheckLevel(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class HostCheck:
    """What one check found.

    Args:
        name: what was checked.
        status: whether the cluster can run.
        what: what was found, one line.
        fix: what to do about it; empty when all is well.
    """

    name: str
    status: CheckLevel
    what: str
    fix: str = ""


def join_names(names: Iterable[object]) -> str:
    """Return an enumeration: ``one, two and three``."""
    *others, last = map(str, names)
    return f"{', '.join(others)} and {last}" if others else last


def ok(name: str, what: str) -> HostCheck:
    """Return a finding that needs nothing done."""
    return HostCheck(name, CheckLevel.OK, what)


def warn(name: str, what: str, fix: str) -> HostCheck:
    """Return a finding that the cluster can live with."""
    return HostCheck(name, CheckLevel.WARN, what, fix)


def fail(name: str, what: str, fix: str) -> HostCheck:
    """Return a finding that the cluster cannot run with."""
    return HostCheck(name, CheckLevel.FAIL, what, fix)
