"""``testbed heal``: undo every fault."""

from __future__ import annotations

from testbed.cli.main import app
from testbed.cli.output import err, progress
from testbed.cluster import Cluster, lifecycle

DEADLINE_SECONDS = 120.0


@app.command()
def heal() -> None:
    """Undo all faults on record, also those of a process that died, and wait until the cluster is whole."""
    cluster = Cluster()
    if not lifecycle.heal(cluster, progress):
        err.print("no fault is on record")
    with progress.step("waiting until every part serves"):
        discarded = lifecycle.make_whole(cluster, DEADLINE_SECONDS)
    if discarded:
        err.print(f"[yellow]split brain resolved:[/] what only {discarded} had written was dropped", highlight=False)
