"""``testbed fault``: break something, on purpose and on record."""

from __future__ import annotations

from typing import Annotated

import typer

from testbed import faults
from testbed.cli.main import app
from testbed.cli.output import err
from testbed.cluster import Cluster

CATALOGUE = "\n\n".join(f"{fault.name}: {fault.summary}" for fault in faults.FAULTS.values())


@app.command(help=f"Inject a fault into a node; it stays on record until `testbed heal`.\n\n{CATALOGUE}")
def fault(
    name: Annotated[str, typer.Argument(help=" | ".join(faults.FAULTS))],
    node: Annotated[str, typer.Argument(help="The node, such as db1 or app-2.")],
    network: Annotated[
        list[str] | None, typer.Option(help="For the cable and network faults: only this network.")
    ] = None,
) -> None:
    """Inject a fault."""
    cluster = Cluster()
    entry = faults.inject(cluster.fleet, cluster.ledger, name, node, network or ())
    err.print(f"{entry.fault} on {entry.node}; on record until `testbed heal`", highlight=False)
