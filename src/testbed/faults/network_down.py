"""The network taken down from inside, as by a mistyped command."""

from __future__ import annotations

from collections.abc import Sequence

from testbed.errors import TestbedError
from testbed.faults.fault import MachineFault
from testbed.faults.options import OnNetworks
from testbed.machines import Machine, Power
from testbed.wait import wait_until

READY_SECONDS = 60.0


class NetworkDown(MachineFault[OnNetworks]):
    """``ip link set down`` on the chosen interfaces, by the machine's own system."""

    name = "network-down"
    summary = "take the interfaces down inside the machine (network=...: only those); heal: bring them up"
    Options = OnNetworks

    def inject(self, machine: Machine, options: OnNetworks) -> None:
        """Take them down with one command, so that they fall together."""
        _set(machine, options.on(machine.node), "down")

    def heal(self, machine: Machine, options: OnNetworks) -> None:
        """Bring them up; a reboot has done so already."""
        if machine.power() is Power.ON:
            wait_until(machine.ready, READY_SECONDS, f"{machine.name} to answer", hint="its network is still down")
            _set(machine, options.on(machine.node)[::-1], "up")


def _set(machine: Machine, networks: Sequence[str], state: str) -> None:
    script = " && ".join(f"ip link set dev {machine.interface(network)} {state}" for network in networks)
    result = machine.exec(["sh", "-c", script])
    if result.status:
        raise TestbedError(f"the network does not go {state}: {result.stderr.strip()}", where=machine.name)
