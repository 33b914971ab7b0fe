"""The graceful hand-over: the master gives the address up by itself."""

from __future__ import annotations

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine
from testbed.topology import Node, Role


class Resign(MachineFault[NoOptions]):
    """The machine's own ``resign`` command: its CARP daemon steps down, the peer takes over."""

    name = "resign"
    summary = "the node hands its virtual address over to its peer, which keeps it"
    Options = NoOptions

    def unsuitable(self, node: Node, options: NoOptions) -> str | None:  # noqa: ARG002
        """Only machines that share a virtual address can give it up."""
        return None if node.role in (Role.BALANCER, Role.DATABASE) else "it shares no virtual address"

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Ask it to step down."""
        machine.exec(["resign"]).check("it does not step down", machine.name)

    def heal(self, machine: Machine, options: NoOptions) -> None:
        """The peer serves now; that is no damage."""
