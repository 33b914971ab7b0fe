"""A graceful shutdown, as by the power button."""

from __future__ import annotations

from testbed.faults.fault import MachineFault, NoOptions
from testbed.machines import Machine, Power


class Shutdown(MachineFault[NoOptions]):
    """Shuts the node down, as before maintenance; healing switches it on."""

    name = "shutdown"
    effect = "shut the node down gracefully"
    healing = "switch it on"
    stops_node = True
    Options = NoOptions

    def inject(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Shut it down, and wait until it is off; after a time limit its power is cut."""
        machine.stop()

    def heal(self, machine: Machine, options: NoOptions) -> None:  # noqa: ARG002
        """Switch it on."""
        if machine.power() is Power.OFF:
            machine.start()
