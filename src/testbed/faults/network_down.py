"""Interfaces that are taken down inside the node, as by a mistyped command."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.faults.fault import MachineFault, run_script, wait_until_ready
from testbed.faults.fault_options import OnNetworks
from testbed.machines import Machine


class NetworkDown(MachineFault[OnNetworks]):
    """Runs ``ip link set down`` (``ifconfig down``) for the chosen interfaces on the node."""

    name = "network-down"
    effect = "take the interfaces down inside the node (network=...: only those)"
    healing = "bring them up"
    cuts_network = True
    Options = OnNetworks

    def inject(self, machine: Machine, options: OnNetworks) -> None:
        """Take them down with one command, so that they go down together."""
        _set(machine, options.networks_of(machine.node), up=False)

    def heal(self, machine: Machine, options: OnNetworks) -> None:
        """Bring them up, unless a reboot has done so."""
        if wait_until_ready(machine):
            _set(machine, options.networks_of(machine.node)[::-1], up=True)


def _set(machine: Machine, networks: Sequence[str], *, up: bool) -> None:
    names = [machine.interface(network) for network in networks]
    run_script(
        machine, machine.system.set_interfaces(names, up=up), f"the network does not go {'up' if up else 'down'}"
    )
