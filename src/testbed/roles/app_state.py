"""An app node: its web server and the sessions that live on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.machines.machine import Machine
from testbed.roles.node_state import query, section
from testbed.topology import WEBMAIL


@dataclass(frozen=True, slots=True)
class AppState:
    """State of one app node.

    Attributes:
        node: its name.
        reachable: whether it answered at all.
        apache: whether the webmail's Apache runs.
        sessions: how many PHP session files it holds.
        applications: those that run.
    """

    node: str
    reachable: bool
    apache: bool = False
    sessions: int = 0
    applications: tuple[str, ...] = ()


def state(machine: Machine) -> AppState:
    """Ask an app node for its state."""
    sections = query(machine)
    return AppState(machine.name, reachable=False) if sections is None else parse(machine.name, sections)


def parse(node: str, sections: Mapping[str, str]) -> AppState:
    """An app node's state from the sections of ``node-state``."""
    sessions = re.search(r"\d+", section(sections, "find /var/lib/php/sessions"))
    running = re.findall(r"^run: \S*/application-([a-z0-9-]+):", section(sections, "sv status"), re.MULTILINE)
    return AppState(
        node,
        reachable=True,
        apache=WEBMAIL in running,
        sessions=int(sessions.group()) if sessions else 0,
        applications=tuple(running),
    )
