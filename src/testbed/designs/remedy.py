"""Remedies for a cluster that does not become healthy by itself: what is done to one node."""

from __future__ import annotations

from dataclasses import dataclass

from testbed.addresses import address_registry

# For what it does, and for the cluster to become healthy after it.
MILD_SECONDS = 30.0
BOOT_SECONDS = 75.0


@dataclass(frozen=True, slots=True)
class RemedyAction:
    """What a remedy does.

    Attributes:
        name: which action.
        description: what it does, after the node's name.
        script: for the node's ``sh``; empty where a script is not what it does.
        seconds: how long its effect is waited for.
    """

    name: str
    description: str
    script: str = ""
    seconds: float = MILD_SECONDS


@dataclass(frozen=True, slots=True)
class Remedy:
    """An action for one node."""

    node: str
    action: RemedyAction

    def __str__(self) -> str:
        return f"{self.node}: {self.action.description}"


# Its supervisor starts it again.
REJOIN = RemedyAction("rejoin", "its failover daemon starts again", address_registry.RESTART)
RESIGN = RemedyAction("resign", "it hands the database over to its peer", "resign")
CONNECT_NETWORKS = RemedyAction(
    "connect-networks", "it is connected to its Docker networks again, and restarts", seconds=BOOT_SECONDS
)
RESTART = RemedyAction("restart", "restarting it", seconds=BOOT_SECONDS)
POWER_CYCLE = RemedyAction("power-cycle", "power-cycling it", seconds=BOOT_SECONDS)
COLD_START = RemedyAction("cold-start", "power-cycling both database nodes, this one first", seconds=BOOT_SECONDS)
ACTIONS = (RESIGN, CONNECT_NETWORKS, RESTART, POWER_CYCLE, COLD_START)
