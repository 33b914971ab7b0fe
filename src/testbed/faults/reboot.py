"""A reboot without warning, as by the reset button."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine


class Reboot(MachineFault[NoOptions]):
    """Resets a VM with QEMU's ``system_reset``, and kills and starts a container. It boots by itself."""

    name = "reboot"
    effect = "restart the node without warning"
    healing = "nothing, it boots by itself"
    hunt_weight = 2
    Options = NoOptions

    def moves_sessions(self, options: Mapping[str, str]) -> bool:  # noqa: ARG002
        """Return True: no process of the node survives."""
        return True

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Reset the node."""
        machine.reset()

    def heal(self, machine: Machine, options: NoOptions) -> None:
        """Do nothing: the node boots by itself."""
