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
    """Undo all faults, those on record and those found on the machines, and bring the cluster back to health.

    What does not heal by itself is repaired: services, DRBD's connection, in the end a machine's power. A split brain
    stays, because it is a person's decision which side to keep (`testbed resolve split-brain`).
    """
    cluster = Cluster()
    if not lifecycle.heal(cluster, progress) and not cluster.ledger.readable():
        err.print("no fault is on record")
    with progress.step("waiting until every part serves"):
        lifecycle.restore(cluster, DEADLINE_SECONDS, progress)
