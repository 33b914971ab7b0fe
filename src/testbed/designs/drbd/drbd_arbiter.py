"""The arbiter of the hardened profile: which database node has the data alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.machines.machine import Machine
from testbed.roles import ArbiterState
from testbed.roles.node_state import query, section

HAS_ALONE = "has the data alone"


@dataclass(frozen=True, slots=True)
class DrbdArbiterState(ArbiterState):
    """State of the arbiter.

    Attributes:
        alone: the database node that has the data alone; empty: both have it, or nothing is known.
        generation: number of its decisions so far.
    """

    alone: str = ""
    generation: int = 0

    def complaints(self) -> Iterator[str]:
        """Return what is wrong with it."""
        if not self.reachable:
            yield f"{self.node} does not answer"
        elif self.alone:
            yield f"{self.node}: {self.alone} {HAS_ALONE}"

    def summary(self) -> str:
        """Return which node has the data alone, and the number of its decisions."""
        return f"{self.alone or 'no node'} {HAS_ALONE}; {self.generation} decisions"


def state(machine: Machine) -> DrbdArbiterState:
    """Ask the arbiter for its state."""
    sections = query(machine)
    return DrbdArbiterState(machine.name, reachable=False) if sections is None else parse(machine.name, sections)


def parse(node: str, sections: Mapping[str, str]) -> DrbdArbiterState:
    """The arbiter's state from the sections of ``node-state``."""
    found = re.search(r"^alone=(\S+) generation=(\d+)$", section(sections, "arbiter"), re.MULTILINE)
    if not found:
        return DrbdArbiterState(node, reachable=False)
    return DrbdArbiterState(node, reachable=True, alone=found[1].replace("nobody", ""), generation=int(found[2]))
