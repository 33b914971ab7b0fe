"""Reads the states of a node's parts from a line of its log. Pure: text in, facts out.

The lines are those that docs/contract.md promises: ``event=<name> [key=value ...]``. A state of DRBD
keeps the notation of its kernel module, such as ``event=drbd role( Secondary -> Primary ) up=7.544486``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.journal import Aspect
from testbed.topology import WEBMAIL, Role

_EVENT = re.compile(r"\bevent=([a-z-]+)(.*)$")
_PAIR = re.compile(r"(\S+?)=(\S*)")
_UP = re.compile(r"\bup=(\d+\.\d+)$")
# One line holds all that changed at a moment: "peer( Unknown -> Secondary ) conn( WFReportParams -> Connected ) ..."
_DRBD = re.compile(r"\b(role|conn|disk|pdsk)\( \S+ -> (\S+) \)")
# drbd_receiver.c: "Split-Brain detected, 1 primaries, automatically solved. Sync from peer node"; or manually solved.
_SOLVED = re.compile(
    r"Split-Brain detected, (?:(\d) primaries, )?(automatically|manually) solved\. Sync from (this|peer) node"
)
SOLVED = "split-brain-solved"
# The kernel's own log, as a serial console shows it.
_PRINTK = re.compile(r"\[ *(\d+\.\d+)\] ")

# Aspects of DRBD by the names that its kernel module uses (drbd 8.4, drbd_state.c).
DRBD = {
    "role": Aspect.DRBD_ROLE,
    "conn": Aspect.DRBD_CONNECTION,
    "disk": Aspect.DRBD_DISK,
    "pdsk": Aspect.DRBD_PEER_DISK,
}
# While DRBD compares both copies (drbdsetup(8), verify) they stay connected, and every write goes to both.
COMPARING = ("VerifyS", "VerifyT")
PLAIN = {
    "carp-master": (Aspect.CARP, "master"),
    "carp-backup": (Aspect.CARP, "backup"),
    "mounted": (Aspect.MOUNT, "mounted"),
    "unmounted": (Aspect.MOUNT, "none"),
    "postgres-accepting": (Aspect.POSTGRES, "accepting"),
    "postgres-stopped": (Aspect.POSTGRES, "stopped"),
}
# What a node decides, and an instant: it changes no state by itself.
DECISIONS = (
    SOLVED, "resigned", "going-on-alone", "fenced", "fence-refused", "promote-failed", "demote-failed",
    "copies-compared", "copies-repaired",
)  # fmt: skip
# A database machine has come up when its DRBD has. It is not promoted yet.
BOOTED = (
    (Aspect.DRBD_ROLE, "Secondary"),
    (Aspect.MOUNT, "none"),
    (Aspect.POSTGRES, "stopped"),
    (Aspect.DATABASE_ADDRESS, "none"),
)
ADDRESS = {"address-claimed": "held", "address-released": "none"}
ADDRESS_OF = {Role.BALANCER: Aspect.SITE_ADDRESS, Role.DATABASE: Aspect.DATABASE_ADDRESS}
# Flags of the balancer-manager (mod_proxy, ``proxy_wstat``), the most specific first.
MEMBER_STATES = (
    ("Err", "error"),
    ("HcFl", "error"),
    ("Dis", "disabled"),
    ("Stop", "stopped"),
    ("Drn", "draining"),
    ("Ok", "ok"),
)
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


def parse_log_line(role: Role, text: str) -> LogEvent:
    """Return the event of a line of a node's log.

    Args:
        role: what the node is for.
        text: the line, without Docker's stamp.
    """
    if solved := _SOLVED.search(text):
        values = {"primaries": solved[1] or "", "how": solved[2], "keeps": "own" if solved[3] == "this" else "peer"}
        return LogEvent(SOLVED, values, up=_up(text))
    if not (match := _EVENT.search(text)):
        return LogEvent(up=_up(text))
    name, rest = match[1], match[2]
    values = dict(_PAIR.findall(rest))
    if name in MACHINE:
        return LogEvent(name, values, ((Aspect.POWER, MACHINE[name]),), wall=_number(values, "at"), source="qemu")
    changes = tuple(_changes(role, name, rest, values))
    return LogEvent(name, values, changes, up=_number(values, "up"), after=_number(values, "after") or None)


def console_time(line: str) -> float | None:
    """Seconds since boot of a line on a serial console, None if the kernel did not write it."""
    match = _PRINTK.search(line)
    return float(match[1]) if match else None


def member_aspect(pool: str, name: str) -> str:
    """The aspect of a member: ``member:app-1`` for the webmail's, ``member:wiki/app-1`` for another pool's."""
    return f"{Aspect.MEMBER}:{name}" if pool == WEBMAIL else f"{Aspect.MEMBER}:{pool}/{name}"


def member_state(status: str) -> str:
    """The state of a member of a pool, from Apache's flags for it such as ``Init Ok`` or ``Init Err``.

    Args:
        status: flags of the balancer-manager (mod_proxy, ``proxy_wstat``), between blanks or commas.

    Returns:
        ``error``, ``disabled``, ``stopped``, ``draining`` or ``ok``; else the flags themselves.
    """
    flags = status.replace(",", " ").split()
    for flag, state in MEMBER_STATES:
        if flag in flags:
            return state
    return " ".join(flags).lower() or "unknown"


def _changes(role: Role, name: str, rest: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if name in PLAIN:
        yield PLAIN[name]
    elif name in ADDRESS and role in ADDRESS_OF:
        yield ADDRESS_OF[role], ADDRESS[name]
    elif name == "booted" and role is Role.DATABASE:
        yield from BOOTED
    elif name == "drbd":
        for part, state in _DRBD.findall(rest):
            if state not in COMPARING:
                yield DRBD[part], state
    elif name == "member" and "name" in values:
        pool = values.get("pool", WEBMAIL)
        yield member_aspect(pool, values["name"]), member_state(values.get("status", ""))


def _up(text: str) -> float | None:
    match = _UP.search(text)
    return float(match[1]) if match else None


def _number(values: Mapping[str, str], key: str) -> float | None:
    try:
        return float(values[key])
    except (KeyError, ValueError):
        return None
