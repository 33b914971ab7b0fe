"""A pulled cable: the machine sees its carrier fall."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.machines import Machine, Power


class CablePull:
    """The chosen cables (by default all) are pulled, in the order of the node's networks."""

    name = "cable-pull"
    summary = "pull the network cables (--network: only those); heal: plug them in"

    def refusal(self, machine: Machine) -> str | None:
        """A machine that is off has no carrier to lose: starting it would bring it up with its cables in."""
        return "it is off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, networks: Sequence[str]) -> None:
        """Pull the cables."""
        for network in networks:
            machine.unplug(network)

    def heal(self, machine: Machine, networks: Sequence[str]) -> None:
        """Plug the cables in; a machine that went off since comes back with them in."""
        if machine.power() is Power.OFF:
            return
        # Replication first: a database must find its peer before it may be asked to take over.
        for network in reversed(networks):
            machine.plug(network)
