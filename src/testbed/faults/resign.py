"""The graceful hand-over: the master gives the address up by itself."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.errors import TestbedError
from testbed.machines import Machine, Power
from testbed.topology import Role


class Resign:
    """The machine's own ``resign`` command: its CARP daemon steps down, the peer takes over."""

    name = "resign"
    summary = "hand the virtual address over to the peer in order; heal: nothing to undo, the peer keeps it"

    def refusal(self, machine: Machine) -> str | None:
        """Only machines that share a virtual address can give it up."""
        if machine.node.role not in (Role.BALANCER, Role.DATABASE):
            return "it shares no virtual address"
        return None if machine.power() is Power.ON else "its system does not run"

    def inject(self, machine: Machine, networks: Sequence[str]) -> None:  # noqa: ARG002
        """Ask it to step down."""
        result = machine.exec(["resign"])
        if result.status:
            raise TestbedError(f"it does not step down: {result.stderr.strip()}", where=machine.name)

    def heal(self, machine: Machine, networks: Sequence[str]) -> None:
        """The peer serves now; that is no damage."""
