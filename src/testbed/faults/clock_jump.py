"""A clock that jumps, as with a wrong time server or an empty battery."""

from __future__ import annotations

import time
from random import Random

from pydantic import Field

from testbed.faults.fault import FaultOptions, MachineFault, run_script, wait_until_ready
from testbed.faults.fault_options import Shift
from testbed.machines import Machine
from testbed.topology import Node


class ClockJumpOptions(FaultOptions):
    """Options of a clock jump."""

    by: Shift = Field(description="How far the clock jumps: +90s, -5m, +2h.")


class ClockJump(MachineFault[ClockJumpOptions]):
    """Sets the guest's wall clock; healing sets it to the host's."""

    name = "clock-jump"
    effect = "let a VM's clock jump"
    healing = "set it to the host's"
    why_containers_cannot = "a container's clock is the host's"
    hunt_weight = 0.7
    Options = ClockJumpOptions

    def draw_options(self, chance: Random, target: str, node: Node) -> dict[str, str]:  # noqa: ARG002
        """Draw a jump that certificates and timestamps notice."""
        return {"by": chance.choice(("+5s", "-5s", "+30s", "-30s"))}

    def inject(self, machine: Machine, options: ClockJumpOptions) -> None:
        """Set the clock ahead, or back."""
        _set(machine, options.by)

    def heal(self, machine: Machine, options: ClockJumpOptions) -> None:  # noqa: ARG002
        """Set the host's time; a restarted guest has synchronised its clock itself."""
        if wait_until_ready(machine):
            _set(machine, 0)


def _set(machine: Machine, ahead: float) -> None:
    """Set the guest's clock ``ahead`` seconds ahead of the host's, as exactly as a command reaches the guest."""
    run_script(machine, machine.system.set_clock(time.time() + ahead), "its clock cannot be set")
