"""A cut that nobody is told of: packets vanish, the carrier stays."""

from __future__ import annotations

from pydantic import Field

from testbed.faults.fault import MachineFault
from testbed.faults.options import Direction, OnNetworks, ways
from testbed.machines import Machine, Power


class SilentCutOptions(OnNetworks):
    """Options of a silent cut."""

    direction: Direction = Field(
        "both", description="in: it receives nothing; out: nothing it sends arrives; both: neither."
    )


class SilentCut(MachineFault[SilentCutOptions]):
    """All packets of a cable are dropped, both ways or one way; a switch that has forgotten a port does so."""

    name = "silent-cut"
    summary = "let packets vanish while the carrier stays, both ways or one way; heal: let them pass"
    Options = SilentCutOptions

    def refusal(self, machine: Machine, options: SilentCutOptions) -> str | None:  # noqa: ARG002
        """Without power it has no network."""
        return "it is off" if machine.power() is Power.OFF else None

    def inject(self, machine: Machine, options: SilentCutOptions) -> None:
        """Drop."""
        for network in options.on(machine.node):
            machine.cut(network, _name(network, options), ways(options.direction))

    def heal(self, machine: Machine, options: SilentCutOptions) -> None:
        """Let pass, replication first."""
        for network in reversed(options.on(machine.node)):
            machine.let_pass(_name(network, options))


def _name(network: str, options: SilentCutOptions) -> str:
    return f"silent-cut-{network}-{options.direction}"
