"""What a fault promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from testbed.machines import Machine


class Fault(Protocol):
    """Something that goes wrong with one machine, and can be undone.

    Attributes:
        name: what the user types.
        summary: one line for the list of faults.
    """

    name: str
    summary: str

    def refusal(self, machine: Machine) -> str | None:
        """Why this machine cannot suffer it, or None."""

    def inject(self, machine: Machine, networks: Sequence[str]) -> None:
        """Do it. ``networks`` are those chosen, for the faults that ask for networks."""

    def heal(self, machine: Machine, networks: Sequence[str]) -> None:
        """Undo it; a second time, or on a machine that was restarted meanwhile, changes nothing."""
