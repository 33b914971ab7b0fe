"""A bad cable: a share of the packets is lost."""

from __future__ import annotations

from pydantic import Field

from testbed.faults.fault import MachineFault
from testbed.faults.options import Direction, OnNetworks, Percent, ways
from testbed.machines import Machine, Power


class LossOptions(OnNetworks):
    """Options of packet loss."""

    share: Percent = Field(description="How many of the packets are lost, such as 30%.")
    direction: Direction = Field("both", description="in: of those it receives; out: of those it sends; or both.")


class Loss(MachineFault[LossOptions]):
    """Each packet is dropped with the same probability, whatever happened to the one before."""

    name = "loss"
    summary = "lose a share of the packets at random; heal: lose none"
    Options = LossOptions

    def refusal(self, machine: Machine, options: LossOptions) -> str | None:  # noqa: ARG002
        """Without power it has no network."""
        return "it is off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, options: LossOptions) -> None:
        """Drop some."""
        which = f"numgen random mod 10000 < {round(options.share * 100)}"
        for network in options.on(machine.node):
            machine.cut(network, _name(network, options), ways(options.direction), which)

    def heal(self, machine: Machine, options: LossOptions) -> None:
        """Drop none, on replication first."""
        for network in reversed(options.on(machine.node)):
            machine.let_pass(_name(network, options))


def _name(network: str, options: LossOptions) -> str:
    return f"loss-{network}-{options.direction}"
