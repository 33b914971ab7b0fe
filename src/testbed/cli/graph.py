"""``testbed graph``: the cluster as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from testbed.cli.group import examples, new_app
from testbed.cli.output import err
from testbed.cluster import Cluster, project
from testbed.cluster.graph import graph_nodes, mermaid, svg
from testbed.errors import UsageError

app = new_app()

Format = Literal["mermaid", "svg"]


@app.command(epilog=examples("testbed graph", "testbed graph --output cluster.svg", "testbed graph --no-state"))
def graph(
    form: Annotated[
        Format | None, typer.Option("--format", help="mermaid for Markdown, or svg; by default as --output ends.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; none: print it.")] = None,
    state: Annotated[
        bool, typer.Option("--state/--no-state", help="Show what each node does now, and the faults in force.")
    ] = True,
) -> None:
    """Draw the nodes and networks, with what each node does now.

    Green: it holds a virtual address. Yellow: a fault is in force, or it is frozen or does not answer. Red: it is off.
    """
    cluster = Cluster()
    if state and not project.exists(cluster.settings):
        raise UsageError("no cluster is up", fix="run `testbed up`, or draw the topology alone with --no-state")
    now = cluster.state() if state else None
    faults = cluster.ledger.readable_entries() if state else []
    nodes = graph_nodes(cluster.topology, now, faults)
    chosen = form or ("svg" if output and output.suffix == ".svg" else "mermaid")
    text = (svg if chosen == "svg" else mermaid)(cluster.topology, nodes)
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text)
    err.print(f"written to {output}", highlight=False)
