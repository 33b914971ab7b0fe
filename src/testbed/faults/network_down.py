"""The network taken down from inside, as by a mistyped command."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.faults.fault import MachineFault, awake, done
from testbed.faults.options import OnNetworks
from testbed.machines import Machine


class NetworkDown(MachineFault[OnNetworks]):
    """``ip link set down`` (``ifconfig down``) on the chosen interfaces, by the machine's own system."""

    name = "network-down"
    effect = "take the interfaces down inside the node (network=...: only those)"
    healing = "bring them up"
    cuts_network = True
    Options = OnNetworks

    def inject(self, machine: Machine, options: OnNetworks) -> None:
        """Take them down with one command, so that they fall together."""
        _set(machine, options.on(machine.node), up=False)

    def heal(self, machine: Machine, options: OnNetworks) -> None:
        """Bring them up; a reboot has done so already."""
        if awake(machine):
            _set(machine, options.on(machine.node)[::-1], up=True)


def _set(machine: Machine, networks: Sequence[str], *, up: bool) -> None:
    names = [machine.interface(network) for network in networks]
    done(machine, machine.system.set_interfaces(names, up=up), f"the network does not go {'up' if up else 'down'}")
