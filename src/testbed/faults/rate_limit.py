"""A narrow cable: no more than so many bits a second pass."""

from __future__ import annotations

import json
from random import Random

from pydantic import Field

from testbed.faults.fault import MachineFault
from testbed.faults.options import Direction, OnNetworks, Rate, draw_direction, ways
from testbed.machines import Machine, Power
from testbed.topology import Node

# tc-tbf(8): a bucket of a few full packets, and a queue that holds half a second before it drops.
BURST_BYTES = 8192
QUEUE = "500ms"


class RateLimitOptions(OnNetworks):
    """Options of a rate limit."""

    rate: Rate = Field(description="How much passes each way, such as 256kbit/s.")
    direction: Direction = Field("both", description="in: what it receives; out: what it sends; or both.")


class RateLimit(MachineFault[RateLimitOptions]):
    """A token bucket at the sending end of each direction: the machine's own, and the host's."""

    name = "rate-limit"
    effect = "let no more than so many kbit/s pass"
    healing = "full speed"
    hunt_weight = 0.7
    Options = RateLimitOptions

    def draw_options(self, chance: Random, target: str, node: Node) -> dict[str, str]:  # noqa: ARG002
        """Draw the rate and the direction."""
        return {"rate": f"{chance.choice((64, 256, 1000, 8000))}kbit/s", **draw_direction(chance)}

    def refusal(self, machine: Machine, options: RateLimitOptions) -> str | None:
        """Without power it has no network; and a cable has one limit at a time."""
        if machine.power() is Power.OFF:
            return "it is off"
        limited = [
            network for network in options.on(machine.node) for way in _ways(options) if _on(machine, network, way)
        ]
        return f"{' and '.join(dict.fromkeys(limited))} is limited already" if limited else None

    def inject(self, machine: Machine, options: RateLimitOptions) -> None:
        """Limit it."""
        bucket = ["tbf", "rate", f"{options.rate:g}kbit", "burst", str(BURST_BYTES), "latency", QUEUE]
        for network in options.on(machine.node):
            for inward in _ways(options):
                machine.tc(network, "qdisc", "add", "dev", "DEV", "root", *bucket, inward=inward)

    def heal(self, machine: Machine, options: RateLimitOptions) -> None:
        """Take the limits away; a machine without power has lost them."""
        if machine.power() is Power.OFF:
            return
        for network in reversed(options.on(machine.node)):
            for inward in _ways(options):
                if _on(machine, network, inward):
                    machine.tc(network, "qdisc", "del", "dev", "DEV", "root", inward=inward)


def _ways(options: RateLimitOptions) -> list[bool]:
    """Which ends of the cable have a bucket; the host's is the one inward."""
    return [inward for inward, way in ((False, "out"), (True, "in")) if way in ways(options.direction)]


def _on(machine: Machine, network: str, inward: bool) -> bool:
    shown = json.loads(machine.tc(network, "-j", "qdisc", "show", "dev", "DEV", inward=inward) or "[]")
    return any(each.get("kind") == "tbf" for each in shown)
