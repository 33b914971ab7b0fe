"""The state of an arbiter, as far as every database design has one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArbiterState(ABC):
    """State of a node that helps the database nodes to decide which of them serves.

    Attributes:
        node: its name.
        reachable: whether it answered at all; if not, nothing else is known.
    """

    node: str
    reachable: bool

    @abstractmethod
    def complaints(self) -> Iterator[str]:
        """Return what is wrong with this node, each a line that begins with its name; it may not answer."""

    @abstractmethod
    def summary(self) -> str:
        """Return what the node has decided, in one line; it answers."""
