"""The mail server: whether its daemons run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.machines.machine import Machine
from testbed.roles.node_state import query, section


@dataclass(frozen=True, slots=True)
class MailState:
    """State of the mail server.

    Attributes:
        node: its name.
        reachable: whether it answered at all.
        imap: whether Dovecot runs.
        smtp: whether Postfix runs.
    """

    node: str
    reachable: bool
    imap: bool = False
    smtp: bool = False


def state(machine: Machine) -> MailState:
    """Ask the mail server for its state."""
    sections = query(machine)
    return MailState(machine.name, reachable=False) if sections is None else parse(machine.name, sections)


def parse(node: str, sections: Mapping[str, str]) -> MailState:
    """The mail server's state from the sections of ``node-state``."""
    status = section(sections, "sv status")
    return MailState(
        node,
        reachable=True,
        imap=bool(re.search(r"run: \S*dovecot", status)),
        smtp=bool(re.search(r"run: \S*postfix", status)),
    )
