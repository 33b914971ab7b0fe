"""A graceful hand-over: the node that holds a virtual address resigns."""

from __future__ import annotations

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine
from testbed.topology import Role


class Resign(MachineFault[NoOptions]):
    """Runs ``resign`` on the node: what moves its address steps down, and the peer takes over."""

    name = "resign"
    effect = "the node hands its virtual address over to its peer"
    healing = ""
    operator_command = "testbed resign {}"
    roles = (Role.BALANCER, Role.DATABASE)
    why_other_roles_cannot = "it shares no virtual address"
    hunt_weight = 1.5
    hunt_targets = ("lb:active", "db:primary")
    Options = NoOptions

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Run ``resign``."""
        machine.exec(["resign"]).check("it does not step down", machine.name)

    def heal(self, machine: Machine, options: NoOptions) -> None:
        """Do nothing: the peer keeps the address."""
