"""An app node: its web server and the sessions that live on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

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
        silent: those that run and do not serve, each with its answer to the health check.
    """

    node: str
    reachable: bool
    apache: bool = False
    sessions: int = 0
    applications: tuple[str, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)


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
        silent={name: text for name, text in _silent(section(sections, "application-health")) if name in running},
    )


def _silent(text: str) -> Iterator[tuple[str, str]]:
    """The applications whose health check fails, with the reason (images/app, ``application-health``)."""
    for name, status, path in re.findall(r"^([a-z0-9-]+) (\d+) (/\S*)$", text, re.MULTILINE):
        if not 200 <= int(status) < 400:  # a redirection is an answer
            yield name, f"status {status} for {path}" if int(status) else f"no answer for {path}"
