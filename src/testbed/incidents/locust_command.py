"""The load's program: how Locust is started in the client."""

from __future__ import annotations

import json

from testbed.errors import UsageError
from testbed.incidents.incident_model import Load
from testbed.topology import Topology

CLUSTER = "cluster"


def site_url(topology: Topology, site: str, where: str = "") -> str:
    """Return the URL of a site.

    Args:
        topology: the cluster.
        site: the cluster, or the single server beside it.
        where: the option that names the site, for the error message.

    Raises:
        UsageError: the cluster has no such site.
    """
    if site not in topology.sites:
        fix = "add it with `testbed up --overlay single`" if site == "single" else "use cluster or single"
        raise UsageError(f"the cluster has no site {site!r}", where=where, fix=fix)
    return f"https://{topology.sites[site]}"


def locust_command(load: Load, seed: int, seconds: int, url: str) -> list[str]:
    """Return the command line of Locust for a load.

    Args:
        load: how many users, how fast, what they do.
        seed: of the users' choices.
        seconds: Locust ends by itself after this time, in case testbed is killed.
        url: where the users go.
    """
    arguments = ["locust", "-f", "/opt/testbed/loadtests", "--headless", "--only-summary"]
    arguments += ["--users", str(load.users), "--spawn-rate", f"{load.spawn_rate:g}", "--run-time", f"{seconds}s"]
    arguments += ["--think-scale", f"{load.think_time / 100:g}", "--seed", str(seed), "--host", url]
    return [*arguments, "--actions", json.dumps(load.actions)] if load.actions else arguments
