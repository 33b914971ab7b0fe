"""What testbed asks of a database design."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from testbed.designs.copy_comparison import CopyComparison
from testbed.designs.known_failure import KnownFailure
from testbed.designs.recorded_design import RecordedDesign
from testbed.designs.remedy import Remedy
from testbed.faults.fault import Fault
from testbed.machines.machine import Machine
from testbed.roles import DatabaseState

StateT = TypeVar("StateT", bound=DatabaseState)


class DatabaseDesign(ABC, Generic[StateT]):
    """How the database nodes replicate, fail over and are repaired.

    All that testbed knows of a design stands in its package. To add one, write the package, and add a line to the
    registry.

    Attributes:
        name: the package's name, and the name in the topology and in journals.
        replication: what replicates the data, as messages name it.
        recorded: what its runs record, and how it is read.
        faults: those that only nodes of this design can suffer.
        open_copy: script that mounts a copy of a database node's disk, and starts PostgreSQL on it, in a VM of its own.
        why_no_backup: the reason why no backup can be taken and restored; empty: the standby's disk is one.
        known_failures: what is known to fail, by profile.
    """

    name: ClassVar[str]
    replication: ClassVar[str]
    recorded: ClassVar[RecordedDesign]
    faults: ClassVar[tuple[Fault[Any], ...]]
    open_copy: ClassVar[str]
    why_no_backup: ClassVar[str] = ""
    known_failures: ClassVar[tuple[KnownFailure, ...]]

    @abstractmethod
    def query(self, machine: Machine, address: str) -> StateT:
        """Ask a database node for its state.

        Args:
            machine: the node.
            address: the database's virtual address.
        """

    @abstractmethod
    def recorded_state(self, node: str, reachable: bool, recorded: Mapping[str, str]) -> StateT:
        """Return a database node's state as last recorded: its role, for targets such as ``db:primary``.

        Args:
            node: its name.
            reachable: whether it is on.
            recorded: the last value of each aspect of the node in the journal.
        """

    @abstractmethod
    def mild_remedies(self, databases: Iterable[StateT]) -> Iterator[Remedy]:
        """Return what can be done for unhealthy database nodes without a restart, the mildest remedy first.

        Args:
            databases: the states of all database nodes.
        """

    @abstractmethod
    def power_cycles(self, databases: Sequence[StateT]) -> Iterator[Remedy]:
        """Return power cycles after which no older copy of the data is served.

        Args:
            databases: the states of all database nodes.
        """

    @abstractmethod
    def decision(self, databases: Iterable[StateT]) -> str:
        """Return the decision about data that is a person's, in one line; empty when there is none.

        Args:
            databases: the states of all database nodes.
        """

    @abstractmethod
    def stop_replication(self, machine: Machine) -> None:
        """Stop replication on a node that serves nothing, so that its data stays as it is.

        Raises:
            TestbedError: replication goes on.
        """

    @abstractmethod
    def replace_data(self, loser: Machine, survivor: Machine) -> None:
        """Replace a node's data with the data of the node that serves, and replicate again.

        Args:
            loser: the node whose data is overwritten; its replication is stopped.
            survivor: the node whose data is kept.

        Raises:
            TestbedError: a node refuses.
        """

    @abstractmethod
    def generation(self, machine: Machine) -> str:
        """Return how the replicating program identifies the state of a node's data."""

    @abstractmethod
    def compare_copies(self, primary: Machine, *, repair: bool) -> CopyComparison:
        """Compare both copies of the data while they are in use.

        Args:
            primary: the primary, which replicates.
            repair: give the standby the primary's data where they differ.

        Raises:
            TestbedError: the copies could not be compared, or not repaired.
        """

    @abstractmethod
    def compare_as_daily(self, primary: Machine, within: float) -> CopyComparison | None:
        """Compare and repair the copies as the cluster's profile does each day, but now.

        Args:
            primary: the primary, which replicates.
            within: seconds after which to give up.

        Returns:
            What was found; None under a profile that compares nothing.

        Raises:
            TestbedError: the copies could not be compared, or not repaired.
        """
