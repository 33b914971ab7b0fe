"""``testbed resign``: have a node hand its virtual address over to its peer."""

from __future__ import annotations

from typing import Annotated

import typer

from testbed import faults
from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.output import err
from testbed.cluster import Cluster
from testbed.cluster.lock import Use

app = new_app()


@app.command(epilog=examples("testbed resign db:primary", "testbed resign lb1"))
@holds(Use.CHANGE)
def resign(
    node: Annotated[
        str,
        typer.Argument(
            help="A balancer or database node, such as db1, or a role and its state: db:primary.",
            autocompletion=complete.nodes,
        ),
    ],
) -> None:
    """Hand a node's virtual address over to its peer, as before maintenance."""
    cluster = Cluster()
    entry = faults.resign(cluster.fleet, cluster.ledger, node)
    err.print(f"{entry.node} resigned; its peer takes the virtual address", highlight=False)
