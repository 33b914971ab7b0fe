"""The reboot without warning: somebody leant on the reset button."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine


class Reboot(MachineFault[NoOptions]):
    """QEMU's ``system_reset`` for a VM, kill and start for a container; it comes back by itself."""

    name = "reboot"
    effect = "restart the node without warning"
    healing = "nothing to undo, it boots by itself"
    hunt_weight = 2
    Options = NoOptions

    def moves_sessions(self, options: Mapping[str, str]) -> bool:  # noqa: ARG002
        """Return True: no process of the node survives."""
        return True

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Press the button."""
        machine.reset()

    def heal(self, machine: Machine, options: NoOptions) -> None:
        """It boots already."""
