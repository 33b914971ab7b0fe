"""The state of a database node, as far as every database design has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

# The second disk of a database node that is a VM; the first holds its system.
DATA_DISK = 1


@dataclass(frozen=True, slots=True)
class DatabaseState(ABC):
    """State of one database node. Each design adds what it knows of its own replication.

    Attributes:
        node: its name.
        reachable: whether its system answered at all; if not, nothing else is known.
        holds_address: whether it has the database's virtual address.
        postgres: whether PostgreSQL accepts connections.
        carp: whether it takes part in the election for the address; without that, a standby takes nothing over.
    """

    node: str
    reachable: bool
    holds_address: bool = False
    postgres: bool = False
    carp: bool = False

    @property
    @abstractmethod
    def role(self) -> str:
        """``primary`` or ``standby``, as targets such as ``db:primary`` mean it; empty if it is neither.

        A primary whose PostgreSQL has died is still the primary.
        """

    @property
    @abstractmethod
    def serving(self) -> bool:
        """Whether clients can be served here: every step of a promotion is done."""

    @property
    @abstractmethod
    def replicated(self) -> bool:
        """Whether this node and its peer are known to have complete data, and to replicate it."""

    @property
    @abstractmethod
    def synchronising(self) -> bool:
        """Whether data is being copied from one node to the other, or is about to be."""

    @property
    @abstractmethod
    def uses_data(self) -> bool:
        """Whether the node may write to its copy of the data."""

    @property
    @abstractmethod
    def replication_state(self) -> str:
        """The state of its replication in the words of the replicating program."""

    @abstractmethod
    def is_split_from(self, other: DatabaseState) -> bool:
        """Whether each of two nodes has data that the other has not, and replication does not choose between them."""

    @abstractmethod
    def aspects(self) -> Iterator[tuple[str, str]]:
        """Return the states that the design adds to a journal: aspects and their values."""

    @abstractmethod
    def complaints(self) -> Iterator[str]:
        """Return what is wrong with this node, each a line that begins with its name; it may not answer."""

    @abstractmethod
    def summary(self) -> str:
        """Return what the node does, in one line; it answers."""

    @abstractmethod
    def short_lines(self) -> list[str]:
        """Return the state of its replication, in lines of at most 25 characters."""
