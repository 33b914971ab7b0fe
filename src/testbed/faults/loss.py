"""A bad cable that loses a share of the packets."""

from __future__ import annotations

from random import Random

from pydantic import Field

from testbed.faults.fault import MachineFault
from testbed.faults.fault_options import Direction, OnNetworks, Percent, draw_direction, each_way, rule_name
from testbed.machines import Machine, Power
from testbed.topology import Node


class LossOptions(OnNetworks):
    """Options of packet loss."""

    share: Percent = Field(description="How many of the packets are lost, such as 30%.")
    direction: Direction = Field("both", description="in: of those it receives; out: of those it sends; or both.")


class Loss(MachineFault[LossOptions]):
    """Drops each packet with the same probability, independently of the one before."""

    name = "loss"
    effect = "lose a share of the packets at random"
    healing = "lose none"
    drops_by_rule = True
    hunt_weight = 1.5
    Options = LossOptions

    def draw_options(self, chance: Random, target: str, node: Node) -> dict[str, str]:  # noqa: ARG002
        """Draw the share and the direction."""
        return {"share": f"{chance.choice((10, 30, 60, 90))}%", **draw_direction(chance)}

    def refusal(self, machine: Machine, options: LossOptions) -> str | None:  # noqa: ARG002
        """Refuse a node that is off."""
        return "it is off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, options: LossOptions) -> None:
        """Drop a share of the packets."""
        which = f"numgen random mod 10000 < {round(options.share * 100)}"
        for network in options.networks_of(machine.node):
            machine.drop_packets(
                network, rule_name(self.name, network, options.direction), each_way(options.direction), which
            )

    def heal(self, machine: Machine, options: LossOptions) -> None:
        """Drop no more packets, on replication first."""
        for network in reversed(options.networks_of(machine.node)):
            machine.pass_packets(rule_name(self.name, network, options.direction))
