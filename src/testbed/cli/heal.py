"""``testbed heal``: undo every fault."""

from __future__ import annotations

from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.output import err, progress
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.lock import Use

DEADLINE_SECONDS = 120.0


app = new_app()


@app.command(epilog=examples("testbed heal"))
@holds(Use.CHANGE)
def heal() -> None:
    """Heal all faults, and bring the cluster back to health.

    Faults without a record are found on the nodes and healed, too. Parts that do not recover by themselves are
    repaired: services, DRBD's connection, at last a node's power. A split brain stays, because it is a person's
    decision which side to keep (`testbed resolve split-brain`).
    """
    cluster = Cluster()
    if not lifecycle.heal(cluster, progress) and not cluster.ledger.readable():
        err.print("no fault is on record")
    with progress.step("waiting until every part serves"):
        lifecycle.restore(cluster, DEADLINE_SECONDS, progress)
