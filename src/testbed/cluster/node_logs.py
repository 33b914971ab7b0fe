"""The nodes' logs, kept when the nodes go."""

from __future__ import annotations

import shutil
from pathlib import Path

from testbed.cluster.cluster import Cluster
from testbed.errors import TestbedError


def save_logs(cluster: Cluster) -> Path:
    """Write each node's log, and each VM's console, into one folder.

    Returns:
        The folder.
    """
    folder = cluster.settings.logs_dir / "nodes"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for machine in cluster.fleet.machines():
        try:
            lines = [f"{line.wall:.6f} {line.text}\n" for line in machine.logs()]
        except TestbedError as error:
            lines = [f"{error}\n"]
        (folder / f"{machine.name}.log").write_text("".join(lines))
        console = machine.console()
        if console and (log := console.with_name("console.log")).exists():
            shutil.copy(log, folder / f"{machine.name}-console.log")
    return folder
