"""The graceful hand-over: the master gives the address up by itself."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.machines import Machine, Power
from testbed.topology import Role


class Resign:
    """SIGUSR2 to UCARP: it steps down, its peer takes over (ucarp(8))."""

    name = "resign"
    summary = "hand the virtual address over to the peer in order; nothing to heal"

    def refusal(self, machine: Machine) -> str | None:
        """Only machines that share a virtual address can give it up."""
        if machine.node.role not in (Role.BALANCER, Role.DATABASE):
            return "it shares no virtual address"
        return None if machine.power() is Power.ON else "its system does not run"

    def inject(self, machine: Machine, networks: Sequence[str]) -> None:  # noqa: ARG002
        """Ask UCARP to step down."""
        machine.exec(["pkill", "-USR2", "-x", "ucarp"])

    def heal(self, machine: Machine, networks: Sequence[str]) -> None:
        """The peer serves now; that is no damage."""
