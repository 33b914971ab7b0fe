"""The reboot without warning: somebody leant on the reset button."""

from __future__ import annotations

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine


class Reboot(MachineFault[NoOptions]):
    """QEMU's ``system_reset`` for a VM, kill and start for a container; it comes back by itself."""

    name = "reboot"
    summary = "restart the machine without warning; heal: nothing to undo, it boots by itself"
    Options = NoOptions

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Press the button."""
        machine.reset()

    def heal(self, machine: Machine, options: NoOptions) -> None:
        """It boots already."""
