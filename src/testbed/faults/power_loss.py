"""Power loss: the machine is gone from one instant to the next."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.machines import Machine, Power


class PowerLoss:
    """The container is killed; healing starts it again, with the same disk."""

    name = "power-loss"
    summary = "cut the power (kill the container); heal: power comes back, the machine boots its disk again"

    def refusal(self, machine: Machine) -> str | None:
        """A machine that is off has no power to lose."""
        return "it is already off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, networks: Sequence[str]) -> None:  # noqa: ARG002
        """Cut the power."""
        machine.kill()

    def heal(self, machine: Machine, networks: Sequence[str]) -> None:  # noqa: ARG002
        """Give it power again."""
        if machine.power() is Power.OFF:
            machine.start()
