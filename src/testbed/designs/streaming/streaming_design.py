"""The answers of the streaming design."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from testbed.designs.database_design import DatabaseDesign
from testbed.designs.remedy import Remedy
from testbed.designs.replicated_postgres import DATABASE_ADDRESS, PostgresAspect, postgres_version, power_cycles
from testbed.designs.streaming import streaming_remedies, streaming_state
from testbed.designs.streaming.streaming_known_failures import KNOWN_FAILURES
from testbed.designs.streaming.streaming_layout import LAYOUT
from testbed.designs.streaming.streaming_record import RecordedStreaming
from testbed.designs.streaming.streaming_state import StreamingState
from testbed.faults.fault import run_script
from testbed.machines.machine import Machine

# A crashed server recovers first.
RESTART_SECONDS = 60.0
_RESTART = """
. /usr/lib/testbed/common
wish master || exit 0
flock -o "$lock" /usr/lib/testbed/promote </dev/null >>/var/log/role.log 2>&1
"""


class StreamingDesign(DatabaseDesign[StreamingState]):
    """Two containers with PostgreSQL and a synchronous standby, which the daemon that moves the address promotes."""

    name = "streaming"
    layout = LAYOUT
    replication = "streaming replication"
    recorded = RecordedStreaming()
    why_no_backup = "a node has no disk of its own that could be copied while it is in use"
    why_no_split_brain = "a node that becomes a standby discards what the primary does not have"
    why_no_comparison = "the two copies of PostgreSQL's files are not equal block by block"
    known_failures = KNOWN_FAILURES
    faults = ()

    def query(self, machine: Machine, address: str) -> StreamingState:
        """Ask a database node for its state."""
        return streaming_state.state(machine, address)

    def recorded_state(self, node: str, reachable: bool, recorded: Mapping[str, str]) -> StreamingState:
        """Return a database node's state with PostgreSQL's role as last recorded."""
        return StreamingState(
            node,
            reachable,
            holds_address=recorded.get(DATABASE_ADDRESS) == "held",
            postgres_role=recorded.get(PostgresAspect.ROLE, "none"),
        )

    def mild_remedies(self, databases: Iterable[StreamingState]) -> Iterator[Remedy]:
        """Return remedies that restart no node."""
        return streaming_remedies.mild_remedies(databases)

    def power_cycles(self, databases: Sequence[StreamingState]) -> Iterator[Remedy]:
        """Return power cycles: one node while the other serves, or both, the newer copy first."""
        return power_cycles(databases)

    def decision(self, databases: Iterable[StreamingState]) -> str:
        """Return that no copy is complete."""
        answering = [each for each in databases if each.reachable]
        if answering and all(each.unsound for each in answering):
            nodes = " and ".join(each.node for each in answering)
            return f"no copy of the database is complete ({nodes}): `testbed reset` begins with a new one"
        return ""

    def restart_postgres(self, machine: Machine) -> None:
        """Start PostgreSQL on the node that has the address; a standby's starts again by itself."""
        run_script(machine, _RESTART, "PostgreSQL does not start again", timeout=RESTART_SECONDS)

    def versions(self, machine: Machine) -> str:
        """Return the version of PostgreSQL."""
        return postgres_version(machine)


DESIGN = StreamingDesign()
