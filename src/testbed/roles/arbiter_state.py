"""The arbiter of the hardened profile: who of the database nodes has the data alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.machines.machine import Machine
from testbed.roles.node_state import query, section


@dataclass(frozen=True, slots=True)
class ArbiterState:
    """State of the arbiter.

    Attributes:
        node: its name.
        reachable: whether it answered at all.
        alone: the database node that has the data alone; empty: both have it, or nothing is known.
        generation: number of its decisions so far.
    """

    node: str
    reachable: bool
    alone: str = ""
    generation: int = 0


def state(machine: Machine) -> ArbiterState:
    """Ask the arbiter for its state."""
    sections = query(machine)
    return ArbiterState(machine.name, reachable=False) if sections is None else parse(machine.name, sections)


def parse(node: str, sections: Mapping[str, str]) -> ArbiterState:
    """The arbiter's state from the sections of ``node-state``."""
    found = re.search(r"^alone=(\S+) generation=(\d+)$", section(sections, "arbiter"), re.MULTILINE)
    if not found:
        return ArbiterState(node, reachable=False)
    return ArbiterState(node, reachable=True, alone=found[1].replace("nobody", ""), generation=int(found[2]))
