"""``testbed heal``: undo faults."""

from __future__ import annotations

from typing import Annotated

import typer

from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.output import err, progress
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.lock import Use
from testbed.errors import UsageError
from testbed.faults import heal_all

app = new_app()


@app.command(epilog=examples("testbed heal", "testbed heal db1", "testbed heal cable-pull"))
@holds(Use.CHANGE)
def heal(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="NODE|FAULT", help="Only the faults on this node, or of this name.", autocompletion=complete.nodes
        ),
    ] = None,
) -> None:
    """Heal all faults, and bring the cluster back to health.

    Faults without a record are found on the nodes and healed, too. Parts that do not recover by themselves are
    repaired: services, replication, at last a node's power. A split brain stays, because it is a person's
    decision which side to keep (`testbed resolve split-brain`).

    With a node or a fault's name only these faults are healed. Nothing is repaired then, unless no fault is left.
    """
    cluster = Cluster()
    if what is not None:
        _heal_some(cluster, what)
        return
    if not lifecycle.heal(cluster, progress) and not cluster.ledger.readable_entries():
        err.print("no fault is on record")
    with progress.step("waiting until every part serves"):
        lifecycle.restore(cluster, progress)


def _heal_some(cluster: Cluster, what: str) -> None:
    """Heal the faults on a node, or of a name; the cluster is repaired when no other is left."""
    entries = cluster.ledger.readable_entries()
    chosen = [entry for entry in entries if what in (entry.node, entry.fault)]
    if not chosen:
        in_force = ", ".join(f"{entry.fault} on {entry.node}" for entry in entries) or "none"
        raise UsageError(f"no fault in force is called {what!r} or is on a node {what!r}", fix=f"in force: {in_force}")
    for entry in heal_all(cluster.fleet, cluster.ledger, entries=chosen):
        progress.print_line(f"  healed {entry.fault} on {entry.node}")
    if left := cluster.ledger.readable_entries():
        err.print(f"still in force: {', '.join(f'{each.fault} on {each.node}' for each in left)}", highlight=False)
        return
    with progress.step("waiting until every part serves"):
        lifecycle.restore(cluster, progress)
