"""What a kind of file may hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a kind of file may hold.

    Attributes:
        noun: what one is called in messages.
        guide: where its form is described.
        size: bytes at most.
        values: values at most, counting the ones that an alias repeats as often as it does.
        depth: blocks within blocks at most.
        tags: whether values may have tags (``!reset``).
    """

    noun: str
    guide: str
    size: int
    values: int
    depth: int
    tags: bool = False


INCIDENT = Dialect("an incident", "docs/incidents.md shows how a file looks", size=2**16, values=20_000, depth=12)
COMPOSE = Dialect(
    "a Compose file", "compose/cluster.yaml shows how one looks", size=2**20, values=100_000, depth=40, tags=True
)
