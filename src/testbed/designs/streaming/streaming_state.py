"""A database node of the streaming design: the address, the role of PostgreSQL, and whether the standby follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from testbed.addresses import address_registry
from testbed.designs.replicated_postgres import ReplicatedPostgresState, server_fields
from testbed.machines.machine import Machine
from testbed.roles.node_state import query, section

# A standby that follows, and that commits wait for.
HEALTHY_SENDER = "streaming/sync"


@dataclass(frozen=True, slots=True)
class StreamingState(ReplicatedPostgresState):
    """State of one database node; a primary is ``streaming`` when its commits wait for the standby."""

    def complaints(self) -> Iterator[str]:
        """Return what is wrong with this node."""
        if not self.reachable:
            yield f"{self.node} does not answer"
            return
        if not self.replicated:
            yield f"{self.node}: replication is {self.replication_state}"
        if not self.carp:
            yield address_registry.complaint(self.node)
        if self.unsound:
            yield f"{self.node}: its copy of the database is not complete"


def state(machine: Machine, virtual_address: str) -> StreamingState:
    """Ask a database node for its state."""
    sections = query(machine)
    if sections is None:
        return StreamingState(machine.name, reachable=False)
    return parse(machine.name, virtual_address, sections)


def parse(node: str, virtual_address: str, sections: Mapping[str, str]) -> StreamingState:
    """A database node's state from the sections of ``node-state``."""
    return StreamingState(
        node,
        reachable=True,
        carp=address_registry.partakes(sections),
        unsound="unsound" in section(sections, "unsound"),
        **server_fields(virtual_address, sections, HEALTHY_SENDER),
    )
