"""The load's program: how Locust is started in the client."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from testbed.errors import UsageError
from testbed.incidents.incident_model import Load
from testbed.topology import Topology

CLUSTER = "cluster"
WEBMAIL_USERS = "/opt/testbed/loadtests"
# Where a run's folder holds the user's own Locust file.
LOAD_FOLDER = "load"


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


def copy_locustfile(locustfile: str, folder: Path) -> str:
    """Copy a Locust file into a run's folder, with the Python files beside it, which it may import.

    Args:
        locustfile: the file.
        folder: of the run; the client sees it.

    Returns:
        The copy's path in that folder.

    Raises:
        UsageError: the file does not exist.
    """
    source = Path(locustfile)
    if not source.is_file():
        raise UsageError(f"no Locust file {locustfile!r}", fix="name a Python file with Locust users")
    target = folder / LOAD_FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for file in {source, *source.parent.glob("*.py")}:
        shutil.copyfile(file, target / file.name)
    return f"{LOAD_FOLDER}/{source.name}"


def locust_command(load: Load, seed: int, seconds: int, url: str, locustfile: str = "") -> list[str]:
    """Return the command line of Locust for a load.

    Args:
        load: how many users, how fast, what they do.
        seed: of the users' choices.
        seconds: Locust ends by itself after this time, in case testbed is killed.
        url: where the users go.
        locustfile: the user's own Locust file on the client; empty: the webmail's users.
    """
    arguments = ["locust", "-f", locustfile or WEBMAIL_USERS, "--headless", "--only-summary"]
    arguments += ["--users", str(load.users), "--spawn-rate", f"{load.spawn_rate:g}", "--run-time", f"{seconds}s"]
    arguments += ["--host", url]
    if locustfile:
        return arguments
    arguments += ["--think-scale", f"{load.think_time / 100:g}", "--seed", str(seed)]
    return [*arguments, "--actions", json.dumps(load.actions)] if load.actions else arguments
