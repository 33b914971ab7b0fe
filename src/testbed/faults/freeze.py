"""A hung machine: nothing runs, nothing is answered, and no cable tells of it."""

from __future__ import annotations

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine, Power


class Freeze(MachineFault[NoOptions]):
    """The processor stops (QEMU's ``stop``, the freezer cgroup of a container); healing lets it run on.

    Its clock: a guest's own goes on with the host's, so that it sees a jump when it thaws.
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
        """Thaw it; one that was killed meanwhile is no longer frozen."""
        if machine.power() is Power.FROZEN:
            machine.unpause()
