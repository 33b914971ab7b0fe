"""``testbed heal``: undo every fault."""

from __future__ import annotations

from testbed.cli.main import app, holds
from testbed.cli.output import err, progress
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.lock import Use

DEADLINE_SECONDS = 120.0


@app.command()
@holds(Use.CHANGE)
def heal() -> None:
    """Undo all faults on record, also those of a process that died, and wait until the cluster is whole.

    A split brain stays, and is told: which side to keep is for people to decide (`testbed resolve split-brain`).
    """
    cluster = Cluster()
    if not lifecycle.heal(cluster, progress):
        err.print("no fault is on record")
    with progress.step("waiting until every part serves"):
        lifecycle.wait_healthy(cluster, DEADLINE_SECONDS)
