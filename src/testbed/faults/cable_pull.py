"""A pulled cable: the node loses its carrier."""

from __future__ import annotations

from testbed.faults.fault import MachineFault
from testbed.faults.fault_options import OnNetworks
from testbed.machines import Machine, Power


class CablePull(MachineFault[OnNetworks]):
    """Pulls the chosen cables (by default all), in the order of the node's networks."""

    name = "cable-pull"
    effect = "pull the network cables (network=...: only those)"
    healing = "plug them in"
    cuts_network = True
    hunt_weight = 2
    Options = OnNetworks

    def refusal(self, machine: Machine, options: OnNetworks) -> str | None:  # noqa: ARG002
        """Refuse a node that is off: it would boot with its cables in."""
        return "it is off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, options: OnNetworks) -> None:
        """Pull the cables."""
        machine.unplug(*options.networks_of(machine.node))

    def heal(self, machine: Machine, options: OnNetworks) -> None:
        """Plug the cables in; a node that went off boots with them in."""
        if machine.power() is Power.OFF:
            return
        # Replication first: a database must be connected to its peer before it can become primary.
        machine.plug(*reversed(options.networks_of(machine.node)))
