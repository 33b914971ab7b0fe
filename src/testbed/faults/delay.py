"""A long cable: every packet comes later."""

from __future__ import annotations

import json
from random import Random

from pydantic import Field

from testbed.errors import TestbedError
from testbed.faults.fault import MachineFault, awake, done, must_run
from testbed.faults.options import OnNetworks
from testbed.machines import Machine, Power
from testbed.topology import Node
from testbed.units import Duration

# tc-netem(8): how many packets may be under way; the default of 1000 would drop some of a busy link's.
PACKETS = 20000


class DelayOptions(OnNetworks):
    """Options of a delay."""

    delay: Duration = Field(gt=0, le=60, description="How much later each packet that it sends arrives, such as 100ms.")


class Delay(MachineFault[DelayOptions]):
    """The kernel's network emulator, on what the machine sends: a question and its answer take so much longer.

    In a guest it is the guest's own kernel, where that has it. Else it is the host's, at the container's end of the
    cable, which need not have it.
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
        """Found by a real attempt, on the loopback of a network namespace that is gone afterwards."""
        if reason := must_run(machine):
            return reason
        attempt = "qdisc add dev lo root netem delay 1ms"
        if _by_itself(machine):
            result = machine.exec(["sh", "-c", f"modprobe -q sch_netem; unshare --net tc {attempt}"])
            if result.status:
                return f"its kernel has no network emulator (netem): {result.stderr.strip()}"
        else:
            try:
                machine.try_tc(*attempt.split())
            except TestbedError as error:
                return f"the host's kernel, which is a container's, has no network emulator (netem): {error.what}"
        delayed = [network for network in options.on(machine.node) if _on(machine, network)]
        return f"{' and '.join(delayed)} is delayed already" if delayed else None

    def inject(self, machine: Machine, options: DelayOptions) -> None:
        """Delay."""
        rule = f"root netem delay {options.delay * 1000:g}ms limit {PACKETS}"
        for network in options.on(machine.node):
            _tc(machine, network, f"qdisc add dev DEV {rule}")

    def heal(self, machine: Machine, options: DelayOptions) -> None:
        """Delay no longer; a restarted machine has forgotten it."""
        if machine.power() is Power.OFF or (_by_itself(machine) and not awake(machine)):
            return
        for network in reversed(options.on(machine.node)):
            if _on(machine, network):
                _tc(machine, network, "qdisc del dev DEV root")


def _by_itself(machine: Machine) -> bool:
    return machine.node.keys.machine == "virtual" and machine.system.emulates


def _on(machine: Machine, network: str) -> bool:
    shown = json.loads(_tc(machine, network, "-j qdisc show dev DEV") or "[]")
    return any(each.get("kind") == "netem" for each in shown)


def _tc(machine: Machine, network: str, words: str) -> str:
    if _by_itself(machine):
        return done(machine, f"tc {words.replace('DEV', machine.interface(network))}", "tc refuses")
    return machine.tc(network, *words.split())
