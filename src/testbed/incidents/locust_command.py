"""The load's program: how Locust is started in the client."""

from __future__ import annotations

import json

from testbed.errors import UsageError
from testbed.incidents.incident_model import Load
from testbed.topology import Topology

CLUSTER = "cluster"


def site_url(topology: Topology, site: str, where: str = "") -> str:
    """Where users are sent to.

    Args:
        topology: the cluster.
        site: the cluster, or the single server beside it.
        where: who says so, for the refusal.

    Raises:
        UsageError: there is no such site.
    """
    if site not in topology.sites:
        fix = "add it with `testbed up --overlay single`" if site == "single" else "use cluster or single"
        raise UsageError(f"there is no site {site!r}", where=where, fix=fix)
    return f"https://{topology.sites[site]}"


def locust_command(load: Load, seed: int, seconds: int, url: str) -> list[str]:
    """Locust's command line for an incident's load.

    Args:
        load: how many users, how fast, what they do.
        seed: of what they do.
        seconds: it ends by itself after so long, should testbed die.
        url: where the users go.
    """
    words = ["locust", "-f", "/opt/testbed/loadtests", "--headless", "--only-summary"]
    words += ["--users", str(load.users), "--spawn-rate", f"{load.spawn_rate:g}", "--run-time", f"{seconds}s"]
    words += ["--think-scale", f"{load.think_time / 100:g}", "--seed", str(seed), "--host", url]
    return [*words, "--actions", json.dumps(load.actions)] if load.actions else words
