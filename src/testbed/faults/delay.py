"""A delay of every packet that a node sends."""

from __future__ import annotations

import json
from random import Random

from pydantic import Field

from testbed.errors import TestbedError
from testbed.faults.fault import MachineFault, run_script, wait_until_ready, why_not_running
from testbed.faults.fault_options import OnNetworks
from testbed.machines import Machine, Power
from testbed.topology import Node
from testbed.units import Duration

# tc-netem(8): how many packets may be queued. The default of 1000 would drop packets of a busy link.
PACKETS = 20000


class DelayOptions(OnNetworks):
    """Options of a delay."""

    delay: Duration = Field(gt=0, le=60, description="How much later each packet that it sends arrives, such as 100ms.")


class Delay(MachineFault[DelayOptions]):
    """Delays what the node sends with the kernel's network emulator, so that each round trip takes longer.

    A guest uses the emulator of its own kernel, if it has one. A container uses the host's, which may lack one.
    """

    name = "delay"
    effect = "delay what the node sends"
    healing = "no delay"
    hunt_weight = 0.7
    # A container needs an emulator in the kernel of the host. A guest has its own.
    hunt_targets = ("db:primary", "db:standby")
    Options = DelayOptions

    def draw_options(self, chance: Random, target: str, node: Node) -> dict[str, str]:  # noqa: ARG002
        """Draw the delay."""
        return {"delay": f"{chance.choice((50, 200, 1000, 3000))}ms"}

    def refusal(self, machine: Machine, options: DelayOptions) -> str | None:
        """Refuse a node whose kernel cannot delay packets; found by an attempt in a temporary network namespace."""
        if reason := why_not_running(machine):
            return reason
        attempt = "qdisc add dev lo root netem delay 1ms"
        if _delays_itself(machine):
            result = machine.exec(["sh", "-c", f"modprobe -q sch_netem; unshare --net tc {attempt}"])
            if result.status:
                return f"its kernel has no network emulator (netem): {result.stderr.strip()}"
        else:
            try:
                machine.try_tc(*attempt.split())
            except TestbedError as error:
                return f"the host's kernel, which is a container's, has no network emulator (netem): {error.what}"
        delayed = [network for network in options.networks_of(machine.node) if _is_delayed(machine, network)]
        return f"{' and '.join(delayed)} is delayed already" if delayed else None

    def inject(self, machine: Machine, options: DelayOptions) -> None:
        """Delay packets."""
        rule = f"root netem delay {options.delay * 1000:g}ms limit {PACKETS}"
        for network in options.networks_of(machine.node):
            _tc(machine, network, f"qdisc add dev DEV {rule}")

    def heal(self, machine: Machine, options: DelayOptions) -> None:
        """Remove the delay; a restart has removed it already."""
        if machine.power() is Power.OFF or (_delays_itself(machine) and not wait_until_ready(machine)):
            return
        for network in reversed(options.networks_of(machine.node)):
            if _is_delayed(machine, network):
                _tc(machine, network, "qdisc del dev DEV root")


def _delays_itself(machine: Machine) -> bool:
    return machine.node.keys.machine == "virtual" and machine.system.emulates


def _is_delayed(machine: Machine, network: str) -> bool:
    qdiscs = json.loads(_tc(machine, network, "-j qdisc show dev DEV") or "[]")
    return any(each.get("kind") == "netem" for each in qdiscs)


def _tc(machine: Machine, network: str, arguments: str) -> str:
    if _delays_itself(machine):
        return run_script(machine, f"tc {arguments.replace('DEV', machine.interface(network))}", "tc refuses")
    return machine.tc(network, *arguments.split())
