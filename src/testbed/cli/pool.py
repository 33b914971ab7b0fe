"""``testbed pool``: the app nodes of each application, as both balancers have them, and what is decided about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from testbed import settings as configuration
from testbed.balancers.balancer_registry import SERVER
from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, out
from testbed.cluster import Cluster, project
from testbed.cluster import pool_changes as pools
from testbed.cluster.lock import Use
from testbed.errors import UsageError

app = new_app(
    help="List, drain, weigh, remove and add the app nodes of an application.\n\nBoth balancers are changed, and keep "
    f"the change when {SERVER.title} or the balancer starts again.",
    no_args_is_help=True,
)

Application = Annotated[str, typer.Argument(help="An application, such as webmail.")]
Node = Annotated[str, typer.Argument(help="An app node, such as app-2.", autocompletion=complete.nodes)]
HEADINGS = ("application", "node", "balancer", "state", "weight", "elected", "busy", "sent", "received", "retries")


@app.command("list", epilog=examples("testbed pool list", "testbed pool list --json"))
def show(as_json: Json = False) -> None:
    """Show every node of every pool: state, weight, requests, bytes and sessions."""
    rows = pools.overview(_cluster())
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (*HEADINGS, "sessions"):
        table.add_column(heading, justify="left" if heading in HEADINGS[:4] else "right")
    for row in rows:
        table.add_row(
            row.pool, row.node, row.balancer, row.state, f"{row.weight:g}", str(row.elected), str(row.busy),
            _bytes(row.sent), _bytes(row.received), str(row.retries),
            "?" if row.sessions is None else str(row.sessions),
        )  # fmt: skip
    out.print(table)


@app.command(epilog=examples("testbed pool drain webmail app-1"))
@holds(Use.CHANGE)
def drain(application: Application, node: Node) -> None:
    """Send no new sessions to a node; its sessions stay until they end."""
    _change("drain", application, node, "gets no new sessions of {}")


@app.command(epilog=examples("testbed pool disable webmail app-1"))
@holds(Use.CHANGE)
def disable(application: Application, node: Node) -> None:
    """Send no requests to a node; its sessions move to other nodes."""
    _change("disable", application, node, "gets no requests for {}")


@app.command(epilog=examples("testbed pool enable webmail app-1"))
@holds(Use.CHANGE)
def enable(application: Application, node: Node) -> None:
    """Let a node serve again after drain or disable."""
    _change("enable", application, node, "serves {} again")


@app.command(epilog=examples("testbed pool add webmail app-1"))
@holds(Use.CHANGE)
def add(application: Application, node: Node) -> None:
    """Put a node back into the pool after remove."""
    _change("add", application, node, "is in the pool of {}")


@app.command(epilog=examples("testbed pool remove webmail app-1"))
@holds(Use.CHANGE)
def remove(application: Application, node: Node) -> None:
    """Take a node out of the pool; drain it first, or its sessions move to other nodes.

    The balancers reload gracefully.
    """
    _change("remove", application, node, "is out of the pool of {}")


@app.command(epilog=examples("testbed pool weight webmail app-2 50"))
@holds(Use.CHANGE)
def weight(
    application: Application,
    node: Node,
    share: Annotated[int, typer.Argument(help="1 to 100; each node has 1 by itself.")],
) -> None:
    """Change a node's share of new sessions, relative to the other nodes."""
    _change("weight", application, node, f"has weight {share} for {{}}", share)


def _change(verb: str, application: str, node: str, outcome: str, share: int = 0) -> None:
    cluster = _cluster()
    pools.change(cluster, verb, application, node, share)
    err.print(f"{node} {outcome.format(application)}, on both balancers", highlight=False)


def _cluster() -> Cluster:
    settings = configuration.load()
    if not project.exists(settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    return Cluster(settings)


def _bytes(count: int) -> str:
    """A number of bytes to read, in steps of 1024."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
