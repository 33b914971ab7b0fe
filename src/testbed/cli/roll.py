"""``testbed roll``: restart or upgrade every node in turn, while people work."""

from __future__ import annotations

from typing import Annotated

import typer

from testbed import settings as configuration
from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import duration_option
from testbed.cli.output import progress
from testbed.cluster import Cluster, project
from testbed.cluster.lock import Use
from testbed.cluster.roll import roll as roll_nodes
from testbed.errors import UsageError

app = new_app()


@app.command(epilog=examples("testbed roll", "testbed roll app-1 lb2 --patience 2m"))
@holds(Use.CHANGE)
def roll(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NODE...", help="Nodes; none: app nodes, balancers, databases.", autocompletion=complete.nodes
        ),
    ] = None,
    patience: Annotated[
        float,
        duration_option("--patience", help="How long users of a drained app node may stay.", show_default="1m"),
    ] = 60.0,
) -> None:
    """Restart or upgrade every node in turn, under load.

    A container is made again from its image as it is now; a VM keeps the image that its disk needs. App nodes are
    drained before, the active balancer and the primary database hand over, and standbys come first. testbed waits for
    each node, and stops at the first that does not come back. The mail server has no standby, so it is restarted only
    when it is named.
    """
    settings = configuration.load()
    if not project.exists(settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    roll_nodes(Cluster(settings), nodes or [], patience, progress)
