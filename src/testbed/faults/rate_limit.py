"""A narrow cable with a limited rate."""

from __future__ import annotations

import json
from random import Random

from pydantic import Field

from testbed.faults.fault import MachineFault
from testbed.faults.fault_options import Direction, OnNetworks, Rate, draw_direction, each_way
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
    """Limits the rate with a token bucket at the sending end of each direction: the node's end and the host's end."""

    name = "rate-limit"
    effect = "limit the rate"
    healing = "full speed"
    hunt_weight = 0.7
    Options = RateLimitOptions

    def draw_options(self, chance: Random, target: str, node: Node) -> dict[str, str]:  # noqa: ARG002
        """Draw the rate and the direction."""
        return {"rate": f"{chance.choice((64, 256, 1000, 8000))}kbit/s", **draw_direction(chance)}

    def refusal(self, machine: Machine, options: RateLimitOptions) -> str | None:
        """Refuse a node that is off, and a cable that has a limit."""
        if machine.power() is Power.OFF:
            return "it is off"
        limited = [
            network
            for network in options.networks_of(machine.node)
            for way in _ends(options)
            if _is_limited(machine, network, way)
        ]
        return f"{' and '.join(dict.fromkeys(limited))} is limited already" if limited else None

    def inject(self, machine: Machine, options: RateLimitOptions) -> None:
        """Limit the rate."""
        bucket = ["tbf", "rate", f"{options.rate:g}kbit", "burst", str(BURST_BYTES), "latency", QUEUE]
        for network in options.networks_of(machine.node):
            for inward in _ends(options):
                machine.tc(network, "qdisc", "add", "dev", "DEV", "root", *bucket, inward=inward)

    def heal(self, machine: Machine, options: RateLimitOptions) -> None:
        """Remove the limits; a node without power has lost them."""
        if machine.power() is Power.OFF:
            return
        for network in reversed(options.networks_of(machine.node)):
            for inward in _ends(options):
                if _is_limited(machine, network, inward):
                    machine.tc(network, "qdisc", "del", "dev", "DEV", "root", inward=inward)


def _ends(options: RateLimitOptions) -> list[bool]:
    """Return the ends of the cable that have a bucket; True is the host's end, which sends to the node."""
    return [inward for inward, way in ((False, "out"), (True, "in")) if way in each_way(options.direction)]


def _is_limited(machine: Machine, network: str, inward: bool) -> bool:
    qdiscs = json.loads(machine.tc(network, "-j", "qdisc", "show", "dev", "DEV", inward=inward) or "[]")
    return any(each.get("kind") == "tbf" for each in qdiscs)
