"""The answers of the DRBD design."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from testbed.designs.copy_comparison import CopyComparison
from testbed.designs.database_design import DatabaseDesign
from testbed.designs.drbd import (
    disk_full,
    drbd_arbiter,
    drbd_remedies,
    drbd_state,
    online_verification,
    postgres_restart,
    split_brain,
)
from testbed.designs.drbd.disk_corruption import DiskCorruption
from testbed.designs.drbd.disk_error import DiskError
from testbed.designs.drbd.drbd_arbiter import DrbdArbiterState
from testbed.designs.drbd.drbd_aspect import DrbdAspect
from testbed.designs.drbd.drbd_known_failures import KNOWN_FAILURES
from testbed.designs.drbd.drbd_layout import LAYOUT
from testbed.designs.drbd.drbd_record import RecordedDrbd
from testbed.designs.drbd.drbd_state import DrbdState
from testbed.designs.remedy import RESIGN, Remedy
from testbed.errors import TestbedError
from testbed.machines.machine import Machine
from testbed.roles import ArbiterState
from testbed.roles.database_state import DATA_DISK


class DrbdDesign(DatabaseDesign[DrbdState]):
    """Two nodes, one volume replicated by DRBD with protocol C, and PostgreSQL on the primary."""

    name = "drbd"
    layout = LAYOUT
    replication = "DRBD"
    recorded = RecordedDrbd()
    open_copy = split_brain.OPEN_COPY
    known_failures = KNOWN_FAILURES
    faults = (DiskError(), DiskCorruption(), disk_full.DiskFull())

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

    def query_arbiter(self, machine: Machine) -> DrbdArbiterState:
        """Ask the arbiter of the profile ``hardened`` for its state."""
        return drbd_arbiter.state(machine)

    def arbiter_remedies(self, databases: Iterable[DrbdState], arbiters: Iterable[ArbiterState]) -> Iterator[Remedy]:
        """Have the primary hand over if it has not reported two complete copies to the arbiter: its successor does."""
        if any(isinstance(each, DrbdArbiterState) and each.alone for each in arbiters):
            yield from (Remedy(each.node, RESIGN) for each in databases if each.serving and each.replicated)

    def restart_postgres(self, machine: Machine) -> None:
        """Finish the promotion of the node that has the address."""
        postgres_restart.restart(machine)

    def versions(self, machine: Machine) -> str:
        """Return the versions of the guest's kernel, DRBD and PostgreSQL."""
        return drbd_state.versions(machine)

    def undo_faults(self, machine: Machine) -> Iterator[str]:
        """Remove a filter that fails every request to the disk, and free a volume whose blocks were taken."""
        with suppress(TestbedError, OSError):
            machine.repair_disk(DATA_DISK)
        if disk_full.free_volume(machine):
            yield f"{machine.name}: the database's volume was full: space given back"

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


DESIGN = DrbdDesign()
