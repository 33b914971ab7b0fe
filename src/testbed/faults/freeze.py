"""A frozen node: nothing runs, nothing is answered, and the carriers stay."""

from __future__ import annotations

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine, Power


class Freeze(MachineFault[NoOptions]):
    """Stops the processor (QEMU's ``stop``, a container's freezer cgroup); healing continues it.

    A guest's clock goes on with the host's, so the guest sees a jump when it thaws.
    """

    name = "freeze"
    effect = "freeze the node: nothing runs, its cables keep their carrier"
    healing = "thaw it"
    stops_node = True
    hunt_weight = 3
    Options = NoOptions

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Freeze it."""
        machine.pause()

    def heal(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Thaw it, unless it was killed meanwhile."""
        if machine.power() is Power.FROZEN:
            machine.unpause()
