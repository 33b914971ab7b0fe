"""The single server: everything that the cluster is, on one node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.machines.machine import Machine
from testbed.roles.node_state import query, section


@dataclass(frozen=True, slots=True)
class SingleState:
    """State of the single server.

    Attributes:
        node: its name.
        reachable: whether it answered at all.
        apache: whether its Apache runs.
        database: whether MariaDB answers.
        sessions: how many PHP session files it holds.
    """

    node: str
    reachable: bool
    apache: bool = False
    database: bool = False
    sessions: int = 0


def state(machine: Machine) -> SingleState:
    """Ask the single server for its state."""
    sections = query(machine)
    return SingleState(machine.name, reachable=False) if sections is None else parse(machine.name, sections)


def parse(node: str, sections: Mapping[str, str]) -> SingleState:
    """The single server's state from the sections of ``node-state``."""
    sessions = re.search(r"\d+", section(sections, "find /var/lib/php/sessions"))
    return SingleState(
        node,
        reachable=True,
        apache=bool(re.search(r"run: \S*apache", section(sections, "sv status"))),
        database="is alive" in section(sections, "mariadb-admin ping"),
        sessions=int(sessions.group()) if sessions else 0,
    )
