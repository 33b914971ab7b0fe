"""What testbed asks of a database design."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from testbed.designs.copy_comparison import CopyComparison
from testbed.designs.design_layout import DesignLayout
from testbed.designs.known_failure import KnownFailure
from testbed.designs.layout_registry import LAYOUTS
from testbed.designs.recorded_design import RecordedDesign
from testbed.designs.remedy import Remedy
from testbed.errors import UsageError
from testbed.faults.fault import Fault
from testbed.machines.machine import Machine
from testbed.roles import ArbiterState, DatabaseState

StateT = TypeVar("StateT", bound=DatabaseState)


class DatabaseDesign(ABC, Generic[StateT]):
    """How the database nodes replicate, fail over and are repaired.

    All that testbed knows of a design stands in its package. The registry finds it by its folder: ``NAME_layout`` has
    the ``LAYOUT``, and ``NAME_design`` the ``DESIGN``.

    Attributes:
        name: the package's name, and the name in the topology and in journals.
        layout: what its clusters consist of.
        replication: what replicates the data, as messages name it.
        recorded: what its runs record, and how it is read.
        faults: those that only nodes of this design can suffer.
        open_copy: script that mounts a copy of a database node's disk, and starts PostgreSQL on it, in a VM of its own.
        why_no_backup: the reason why no backup can be taken and restored; empty: the standby's disk is one.
        why_no_split_brain: the reason why there is no split brain to resolve; empty: there may be one, and
            ``open_copy``, ``stop_replication``, ``replace_data`` and ``generation`` are what resolves it.
        why_no_comparison: the reason why both copies of the data cannot be compared; empty: ``compare_copies`` does.
        known_failures: what is known to fail, by profile.
    """

    name: ClassVar[str]
    layout: ClassVar[DesignLayout]
    replication: ClassVar[str]
    recorded: ClassVar[RecordedDesign]
    faults: ClassVar[tuple[Fault[Any], ...]]
    open_copy: ClassVar[str] = ""
    why_no_backup: ClassVar[str] = ""
    why_no_split_brain: ClassVar[str] = ""
    why_no_comparison: ClassVar[str] = ""
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
    def restart_postgres(self, machine: Machine) -> None:
        """Start PostgreSQL on a node that should run it and does not, because a fault has ended it.

        Raises:
            TestbedError: PostgreSQL does not start.
        """

    def restart_daemon(self, machine: Machine, daemon: str) -> None:
        """Start a daemon of the layout on a node, because a fault has ended it; by default its supervisor does.

        Args:
            machine: the node.
            daemon: one of ``DesignLayout.daemons``.

        Raises:
            TestbedError: it does not start.
        """

    @abstractmethod
    def versions(self, machine: Machine) -> str:
        """Return the versions of the programs that replicate and serve, as a bench reports them.

        Raises:
            TestbedError: they cannot be read.
        """

    def undo_faults(self, machine: Machine) -> Iterator[str]:  # noqa: ARG002
        """Undo what the design's own faults have left on a database node, though no record names them.

        Yields:
            What was undone, one line each.
        """
        return iter(())

    def query_arbiter(self, machine: Machine) -> ArbiterState:
        """Ask an arbiter for its state.

        Raises:
            UsageError: the design has none.
        """
        raise self.refusal(machine.name, "have an arbiter", "its layout has none")

    def arbiter_remedies(self, databases: Iterable[StateT], arbiters: Iterable[ArbiterState]) -> Iterator[Remedy]:  # noqa: ARG002
        """Return what can be done when an arbiter does not know that the database nodes are healthy.

        Args:
            databases: the states of all database nodes.
            arbiters: the states of all arbiters.
        """
        return iter(())

    def stop_replication(self, machine: Machine) -> None:
        """Stop replication on a node that serves nothing, so that its data stays as it is.

        Raises:
            UsageError: the design resolves no split brains.
            TestbedError: replication goes on.
        """
        raise self.refusal(machine.name, "resolve split brains", self.why_no_split_brain)

    def replace_data(self, loser: Machine, survivor: Machine) -> None:  # noqa: ARG002
        """Replace a node's data with the data of the node that serves, and replicate again.

        Args:
            loser: the node whose data is overwritten; its replication is stopped.
            survivor: the node whose data is kept.

        Raises:
            UsageError: the design resolves no split brains.
            TestbedError: a node refuses.
        """
        raise self.refusal(loser.name, "resolve split brains", self.why_no_split_brain)

    def generation(self, machine: Machine) -> str:
        """Return how the replicating program identifies the state of a node's data.

        Raises:
            UsageError: the design resolves no split brains.
        """
        raise self.refusal(machine.name, "resolve split brains", self.why_no_split_brain)

    def compare_copies(self, primary: Machine, *, repair: bool) -> CopyComparison:  # noqa: ARG002
        """Compare both copies of the data while they are in use.

        Args:
            primary: the primary, which replicates.
            repair: give the standby the primary's data where they differ.

        Raises:
            UsageError: the design cannot compare them.
            TestbedError: the copies could not be compared, or not repaired.
        """
        raise self.refusal(primary.name, "compare the copies", self.why_no_comparison)

    def compare_as_daily(self, primary: Machine, within: float) -> CopyComparison | None:  # noqa: ARG002
        """Compare and repair the copies as the cluster's profile does each day, but now.

        Args:
            primary: the primary, which replicates.
            within: seconds after which to give up.

        Returns:
            What was found; None under a profile that compares nothing.

        Raises:
            TestbedError: the copies could not be compared, or not repaired.
        """
        return None

    def must_resolve_split_brains(self) -> None:
        """Refuse to resolve a split brain of a design that has none.

        Raises:
            UsageError: with the reason.
        """
        if self.why_no_split_brain:
            raise self.refusal("", "resolve split brains", self.why_no_split_brain)

    def must_compare_copies(self) -> None:
        """Refuse to compare the copies of a design that cannot.

        Raises:
            UsageError: with the reason.
        """
        if self.why_no_comparison:
            raise self.refusal("", "compare the copies", self.why_no_comparison)

    def refusal(self, where: str, action: str, why: str) -> UsageError:
        """Return the error that reports what the design cannot do.

        Args:
            where: the node; empty for the cluster.
            action: what it cannot do.
            why: the reason.
        """
        others = [each for each in LAYOUTS if each != self.name]
        fix = f"bring up a cluster of another database design ({', '.join(others)})"
        return UsageError(f"the database design {self.name} cannot {action}: {why}", where=where, fix=fix)
