"""An app node: its web server and the sessions that live on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.machines.machine import Machine
from testbed.roles.sections import ask, section


@dataclass(frozen=True, slots=True)
class AppState:
    """State of one app node.

    Attributes:
        node: its name.
        reachable: whether it answered at all.
        apache: whether its Apache runs.
        sessions: how many PHP session files it holds.
    """

    node: str
    reachable: bool
    apache: bool = False
    sessions: int = 0


def state(machine: Machine) -> AppState:
    """Ask an app node for its state."""
    sections = ask(machine)
    return AppState(machine.name, reachable=False) if sections is None else parse(machine.name, sections)


def parse(node: str, sections: Mapping[str, str]) -> AppState:
    """An app node's state from the sections of ``node-state``."""
    sessions = re.search(r"\d+", section(sections, "find /var/lib/php/sessions"))
    return AppState(
        node,
        reachable=True,
        apache=bool(re.search(r"run: \S*apache", section(sections, "sv status"))),
        sessions=int(sessions.group()) if sessions else 0,
    )
