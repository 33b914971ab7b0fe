"""The answers of the Patroni design."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from testbed.designs.database_design import DatabaseDesign
from testbed.designs.patroni import patroni_remedies, patroni_state
from testbed.designs.patroni.patroni_known_failures import KNOWN_FAILURES
from testbed.designs.patroni.patroni_layout import LAYOUT
from testbed.designs.patroni.patroni_record import RecordedPatroni
from testbed.designs.patroni.patroni_state import EtcdWitnessState, PatroniState
from testbed.designs.remedy import Remedy
from testbed.designs.replicated_postgres import DATABASE_ADDRESS, PostgresAspect, postgres_version, power_cycles
from testbed.errors import TestbedError
from testbed.faults.fault import run_script
from testbed.machines.machine import Machine


class PatroniDesign(DatabaseDesign[PatroniState]):
    """Two containers with PostgreSQL and Patroni, three members of etcd, and vip-manager for the address."""

    name = "patroni"
    layout = LAYOUT
    replication = "streaming replication"
    recorded = RecordedPatroni()
    why_no_backup = "a node has no disk of its own that could be copied while it is in use"
    why_no_split_brain = "Patroni discards the data of a standby that the leader does not have"
    why_no_comparison = "the two copies of PostgreSQL's files are not equal block by block"
    known_failures = KNOWN_FAILURES
    faults = ()

    def query(self, machine: Machine, address: str) -> PatroniState:
        """Ask a database node for its state."""
        return patroni_state.state(machine, address)

    def recorded_state(self, node: str, reachable: bool, recorded: Mapping[str, str]) -> PatroniState:
        """Return a database node's state with PostgreSQL's role as last recorded."""
        return PatroniState(
            node,
            reachable,
            holds_address=recorded.get(DATABASE_ADDRESS) == "held",
            postgres_role=recorded.get(PostgresAspect.ROLE, "none"),
        )

    def query_arbiter(self, machine: Machine) -> EtcdWitnessState:
        """Ask the third member of etcd for its state."""
        return patroni_state.witness(machine)

    def mild_remedies(self, databases: Iterable[PatroniState]) -> Iterator[Remedy]:
        """Return remedies that restart no node."""
        return patroni_remedies.mild_remedies(databases)

    def power_cycles(self, databases: Sequence[PatroniState]) -> Iterator[Remedy]:
        """Return power cycles: one node while the other serves, or both, the newer copy first."""
        return power_cycles(databases)

    def decision(self, databases: Iterable[PatroniState]) -> str:  # noqa: ARG002
        """Return nothing: Patroni decides which copy becomes the primary's."""
        return ""

    def restart_postgres(self, machine: Machine) -> None:
        """Change nothing: Patroni has started PostgreSQL again."""

    def restart_daemon(self, machine: Machine, daemon: str) -> None:
        """Start Patroni, whose unit does not start it again; the other daemons have a supervisor that does."""
        if daemon == "patroni":
            run_script(machine, patroni_remedies.START.script, "Patroni does not start again")

    def versions(self, machine: Machine) -> str:
        """Return the versions of PostgreSQL, Patroni and etcd.

        Raises:
            TestbedError: they cannot be read.
        """
        packages = ("patroni", "etcd-server", "vip-manager2")
        result = machine.exec(["dpkg-query", "-f", "${Package} ${Version}, ", "-W", *packages])
        if result.status:
            raise TestbedError(f"its versions cannot be read: {result.stderr.strip()}", where=machine.name)
        return f"{postgres_version(machine)}, {result.stdout.strip(', ')}"


DESIGN = PatroniDesign()
