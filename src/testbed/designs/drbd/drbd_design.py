"""The answers of the DRBD design."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from testbed.designs.copy_comparison import CopyComparison
from testbed.designs.database_design import DatabaseDesign
from testbed.designs.drbd import drbd_remedies, drbd_state, online_verification, split_brain
from testbed.designs.drbd.disk_corruption import DiskCorruption
from testbed.designs.drbd.disk_error import DiskError
from testbed.designs.drbd.drbd_aspect import DrbdAspect
from testbed.designs.drbd.drbd_known_failures import KNOWN_FAILURES
from testbed.designs.drbd.drbd_record import RecordedDrbd
from testbed.designs.drbd.drbd_state import DrbdState
from testbed.designs.remedy import Remedy
from testbed.machines.machine import Machine


class DrbdDesign(DatabaseDesign[DrbdState]):
    """Two nodes, one volume replicated by DRBD with protocol C, and PostgreSQL on the primary."""

    name = "drbd"
    replication = "DRBD"
    recorded = RecordedDrbd()
    open_copy = split_brain.OPEN_COPY
    known_failures = KNOWN_FAILURES
    faults = (DiskError(), DiskCorruption())

    def query(self, machine: Machine, address: str) -> DrbdState:
        """Ask a database node for its state."""
        return drbd_state.state(machine, address)

    def recorded_state(self, node: str, reachable: bool, recorded: Mapping[str, str]) -> DrbdState:
        """Return a database node's state with its DRBD role as last recorded."""
        return DrbdState(node, reachable, drbd_role=recorded.get(DrbdAspect.ROLE, "Unknown"))

    def mild_remedies(self, databases: Iterable[DrbdState]) -> Iterator[Remedy]:
        """Return remedies that restart no node."""
        return drbd_remedies.mild_remedies(databases)

    def power_cycles(self, databases: Sequence[DrbdState]) -> Iterator[Remedy]:
        """Return power cycles: one node while the other serves or is as new, or both, the newer copy first."""
        return drbd_remedies.power_cycles(databases)

    def decision(self, databases: Iterable[DrbdState]) -> str:
        """Return that neither copy is known to be up to date."""
        return drbd_remedies.decision(databases)

    def stop_replication(self, machine: Machine) -> None:
        """Disconnect a node from its peer."""
        split_brain.disconnect(machine)

    def replace_data(self, loser: Machine, survivor: Machine) -> None:
        """Have DRBD overwrite the loser's data."""
        split_brain.replace_data(loser, survivor)

    def generation(self, machine: Machine) -> str:
        """Return DRBD's identifiers of a node's data."""
        return split_brain.generation(machine)

    def compare_copies(self, primary: Machine, *, repair: bool) -> CopyComparison:
        """Have DRBD compare both copies, block by block."""
        return online_verification.compare(primary, repair=repair)

    def compare_as_daily(self, primary: Machine, within: float) -> CopyComparison | None:
        """Have DRBD compare both copies as it does each day under the profile ``hardened``."""
        return online_verification.compare_as_daily(primary, within)
