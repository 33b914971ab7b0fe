"""A silent cut: packets vanish, and the carrier stays."""

from __future__ import annotations

from random import Random

from pydantic import Field

from testbed.faults.fault import MachineFault
from testbed.faults.fault_options import Direction, OnNetworks, draw_direction, each_way, rule_name
from testbed.machines import Machine, Power
from testbed.topology import Node


class SilentCutOptions(OnNetworks):
    """Options of a silent cut."""

    direction: Direction = Field(
        "both", description="in: it receives nothing; out: nothing it sends arrives; both: neither."
    )


class SilentCut(MachineFault[SilentCutOptions]):
    """Drops all packets of a cable, both ways or one way, as a switch does that lost a port."""

    name = "silent-cut"
    effect = "let packets vanish while the carrier stays, both ways or one way"
    healing = "let them pass"
    cuts_network = True
    drops_by_rule = True
    hunt_weight = 3
    Options = SilentCutOptions

    def draw_options(self, chance: Random, target: str, node: Node) -> dict[str, str]:  # noqa: ARG002
        """Draw the direction."""
        return draw_direction(chance)

    def refusal(self, machine: Machine, options: SilentCutOptions) -> str | None:  # noqa: ARG002
        """Refuse a node that is off."""
        return "it is off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, options: SilentCutOptions) -> None:
        """Drop all packets."""
        for network in options.networks_of(machine.node):
            machine.drop_packets(network, rule_name(self.name, network, options.direction), each_way(options.direction))

    def heal(self, machine: Machine, options: SilentCutOptions) -> None:
        """Let packets pass, replication first."""
        for network in reversed(options.networks_of(machine.node)):
            machine.pass_packets(rule_name(self.name, network, options.direction))
