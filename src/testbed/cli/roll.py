"""``testbed roll``: restart or upgrade every node in turn, while people work."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

import typer

from testbed import settings as configuration
from testbed.cli.main import app, holds
from testbed.cli.output import progress
from testbed.cluster import Cluster, project
from testbed.cluster.lock import Use
from testbed.cluster.roll import roll as roll_nodes
from testbed.errors import UsageError


@app.command()
@holds(Use.CHANGE)
def roll(
    nodes: Annotated[
        list[str] | None, typer.Argument(metavar="NODE...", help="Nodes; none: app nodes, balancers, databases.")
    ] = None,
    patience: Annotated[float, typer.Option(help="Seconds in which a drained app node's users may leave.", min=0)] = 60,
) -> None:
    """Restart nodes one by one, each from its image as it is now (a VM: as its disk needs it), and wait for each.

    App nodes are drained before, an active balancer and a serving database hand over; spares come first. It stops at
    the first that does not come back. The mail server, of which there is one, is restarted when it is named.
    """
    settings = configuration.load()
    if not project.exists(settings):
        raise UsageError("no cluster is up", mend="run `testbed up`")
    if not isfinite(patience):
        raise UsageError(f"{patience} seconds have no end", where="--patience", mend="write a number, such as 60")
    roll_nodes(Cluster(settings), nodes or [], patience, progress)
