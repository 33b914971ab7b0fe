"""Power loss: the node ends at once, without a shutdown."""

from __future__ import annotations

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine, Power


class PowerLoss(MachineFault[NoOptions]):
    """Kills the container; healing starts it again with the same disk."""

    name = "power-loss"
    effect = "cut the power (kill the container)"
    healing = "power comes back, and the node boots its disk again"
    stops_node = True
    hunt_weight = 3
    Options = NoOptions

    def refusal(self, machine: Machine, options: NoOptions) -> str | None:  # noqa: ARG002
        """Refuse a node that is off."""
        return "it is already off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Cut the power."""
        machine.kill()

    def heal(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Start it again."""
        if machine.power() is Power.OFF:
            machine.start()
