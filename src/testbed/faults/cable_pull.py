"""A pulled cable: the machine sees its carrier fall."""

from __future__ import annotations

from testbed.faults.fault import MachineFault
from testbed.faults.options import OnNetworks
from testbed.machines import Machine, Power


class CablePull(MachineFault[OnNetworks]):
    """The chosen cables (by default all) are pulled, in the order of the node's networks."""

    name = "cable-pull"
    effect = "pull the network cables (network=...: only those)"
    healing = "plug them in"
    cuts_network = True
    hunt_weight = 2
    Options = OnNetworks

    def refusal(self, machine: Machine, options: OnNetworks) -> str | None:  # noqa: ARG002
        """A machine that is off has no carrier to lose: starting it would bring it up with its cables in."""
        return "it is off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, options: OnNetworks) -> None:
        """Pull the cables."""
        machine.unplug(*options.on(machine.node))

    def heal(self, machine: Machine, options: OnNetworks) -> None:
        """Plug the cables in; a machine that went off since comes back with them in."""
        if machine.power() is Power.OFF:
            return
        # Replication first: a database must find its peer before it may be asked to take over.
        machine.plug(*reversed(options.on(machine.node)))
