"""Which probes there are, how often each usually asks, and from where. For the host: the containers do not need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from testbed.topology import Role


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """How a probe is run.

    Args:
        interval: seconds between two samples, unless the user says otherwise.
        role: of the container it runs in.
        summary: what it asks.
    """

    interval: float
    role: Role
    summary: str


# Writes are the costly ones: on emulated guests with the data replicated, each commit takes some 20 ms of processor
# time of the two machines together (docs/probes.md).
PROBES: Mapping[str, ProbeSpec] = {
    "tcp": ProbeSpec(0.02, Role.CLIENT, "connects to the site's address"),
    "https": ProbeSpec(0.02, Role.CLIENT, "fetches a page of an app node through the site's address"),
    "webmail": ProbeSpec(1.0, Role.CLIENT, "lists the inbox of someone who is logged in"),
    "sql-read": ProbeSpec(0.02, Role.OBSERVER, "asks the database's address which node answers"),
    "sql-write": ProbeSpec(0.1, Role.OBSERVER, "commits a row at the database's address"),
}
