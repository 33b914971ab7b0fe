"""A cut that nobody is told of: packets vanish, the carrier stays."""

from __future__ import annotations

from random import Random

from pydantic import Field

from testbed.faults.fault import MachineFault
from testbed.faults.options import Direction, OnNetworks, draw_direction, rule_name, ways
from testbed.machines import Machine, Power
from testbed.topology import Node


class SilentCutOptions(OnNetworks):
    """Options of a silent cut."""

    direction: Direction = Field(
        "both", description="in: it receives nothing; out: nothing it sends arrives; both: neither."
    )


class SilentCut(MachineFault[SilentCutOptions]):
    """All packets of a cable are dropped, both ways or one way; a switch that has forgotten a port does so."""

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
        """Without power it has no network."""
        return "it is off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, options: SilentCutOptions) -> None:
        """Drop."""
        for network in options.on(machine.node):
            machine.drop_packets(network, rule_name(self.name, network, options.direction), ways(options.direction))

    def heal(self, machine: Machine, options: SilentCutOptions) -> None:
        """Let pass, replication first."""
        for network in reversed(options.on(machine.node)):
            machine.pass_packets(rule_name(self.name, network, options.direction))
