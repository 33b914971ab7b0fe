"""Reads the states of a node's parts from a line of its log. Pure: text in, facts out.

The lines are those that docs/contract.md promises: ``event=<name> [key=value ...]``. A database design adds events of
its own, and reads the log lines of its programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.balancers.balancer_registry import SERVER
from testbed.designs.recorded_design import RecordedDesign
from testbed.journal import Aspect
from testbed.topology import WEBMAIL, Role

_EVENT = re.compile(r"\bevent=([a-z-]+)(.*)$")
_PAIR = re.compile(r"(\S+?)=(\S*)")
_UP = re.compile(r"\bup=(\d+\.\d+)$")
# The kernel's own log, as a serial console shows it.
_PRINTK = re.compile(r"\[ *(\d+\.\d+)\] ")

PLAIN = {
    "carp-master": (Aspect.CARP, "master"),
    "carp-backup": (Aspect.CARP, "backup"),
    "postgres-accepting": (Aspect.POSTGRES, "accepting"),
    "postgres-stopped": (Aspect.POSTGRES, "stopped"),
}
# What a node decides, and an instant: it changes no state by itself.
DECISIONS = ("resigned", "promote-failed", "demote-failed")
# A database node that has come up serves nothing.
BOOTED = ((Aspect.POSTGRES, "stopped"), (Aspect.DATABASE_ADDRESS, "none"))
ADDRESS = {"address-claimed": "held", "address-released": "none"}
ADDRESS_OF = {Role.BALANCER: Aspect.SITE_ADDRESS, Role.DATABASE: Aspect.DATABASE_ADDRESS}
# QEMU's events as the launcher logs them.
MACHINE = {"vm-stopped": "frozen", "vm-resumed": "on", "vm-reset": "reset"}


@dataclass(frozen=True, slots=True)
class LogEvent:
    """The event of a log line.

    Args:
        name: the event, such as ``address-claimed``; empty when the line has none.
        values: its ``key=value`` pairs.
        changes: what is now in which state: aspect and value.
        up: when, in seconds on the node's own clock since its boot.
        wall: when, in Unix seconds of the host's clock, where the node has that.
        after: seconds on the node's clock before which it did not happen, where that is known.
        source: who reported it, as in ``StateChange``.
    """

    name: str = ""
    values: Mapping[str, str] | None = None
    changes: tuple[tuple[str, str], ...] = ()
    up: float | None = None
    wall: float | None = None
    after: float | None = None
    source: str = "node"


def parse_log_line(role: Role, text: str, recorded: RecordedDesign) -> LogEvent:
    """Return the event of a line of a node's log.

    Args:
        role: what the node is for.
        text: the line, without Docker's stamp.
        recorded: what the database design records.
    """
    if decision := recorded.decision(text):
        return LogEvent(*decision, up=_up(text))
    if not (match := _EVENT.search(text)):
        return LogEvent(up=_up(text))
    name = match[1]
    values = dict(_PAIR.findall(match[2]))
    if name in MACHINE:
        return LogEvent(name, values, ((Aspect.POWER, MACHINE[name]),), wall=_number(values, "at"), source="qemu")
    changes = tuple(_changes(role, match, values, recorded))
    return LogEvent(name, values, changes, up=_number(values, "up"), after=_number(values, "after") or None)


def console_time(line: str) -> float | None:
    """Seconds since boot of a line on a serial console, None if the kernel did not write it."""
    match = _PRINTK.search(line)
    return float(match[1]) if match else None


def member_aspect(pool: str, name: str) -> str:
    """The aspect of a member: ``member:app-1`` for the webmail's, ``member:wiki/app-1`` for another pool's."""
    return f"{Aspect.MEMBER}:{name}" if pool == WEBMAIL else f"{Aspect.MEMBER}:{pool}/{name}"


def _changes(
    role: Role, event: re.Match[str], values: Mapping[str, str], recorded: RecordedDesign
) -> Iterator[tuple[str, str]]:
    name = event[1]
    if name in PLAIN:
        yield PLAIN[name]
    elif name in ADDRESS and role in ADDRESS_OF:
        yield ADDRESS_OF[role], ADDRESS[name]
    elif name == "booted" and role is Role.DATABASE:
        yield from (*recorded.after_boot, *BOOTED)
    elif name == "member" and "name" in values:
        pool = values.get("pool", WEBMAIL)
        yield member_aspect(pool, values["name"]), SERVER.member_state(values.get("status", ""))
    else:
        yield from recorded.changes(name, event[2])


def _up(text: str) -> float | None:
    match = _UP.search(text)
    return float(match[1]) if match else None


def _number(values: Mapping[str, str], key: str) -> float | None:
    try:
        return float(values[key])
    except (KeyError, ValueError):
        return None
