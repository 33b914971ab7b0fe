"""``testbed pool``: the app nodes of each application, as both balancers have them, and what is decided about them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from testbed import settings as configuration
from testbed.cli.main import app, holds
from testbed.cli.output import err, out
from testbed.cluster import Cluster, project
from testbed.cluster import pool as pools
from testbed.cluster.lock import Use
from testbed.errors import UsageError

pool = typer.Typer(
    help="The nodes that serve an application: list them, take them out, put them back. Both balancers are told, and "
    "remember it when Apache or the balancer starts again.",
    no_args_is_help=True,
)
app.add_typer(pool, name="pool")

Application = Annotated[str, typer.Argument(help="An application, such as webmail.")]
Node = Annotated[str, typer.Argument(help="An app node, such as app-2.")]
HEADINGS = ("application", "node", "balancer", "state", "weight", "elected", "busy", "sent", "received", "retries")


@pool.command("list")
def show(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Show every member on both balancers: Apache's state, weight, requests, bytes; and the sessions on its node."""
    rows = pools.overview(_cluster())
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
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


@pool.command()
@holds(Use.CHANGE)
def drain(application: Application, node: Node) -> None:
    """Give it no new sessions; those that are there stay until they end."""
    _change("drain", application, node, "gets no new sessions of {}")


@pool.command()
@holds(Use.CHANGE)
def disable(application: Application, node: Node) -> None:
    """Send it nothing at all; its sessions go elsewhere."""
    _change("disable", application, node, "gets no requests for {}")


@pool.command()
@holds(Use.CHANGE)
def enable(application: Application, node: Node) -> None:
    """Let it serve again after drain or disable."""
    _change("enable", application, node, "serves {} again")


@pool.command()
@holds(Use.CHANGE)
def add(application: Application, node: Node) -> None:
    """Put it back into the pool after remove."""
    _change("add", application, node, "is in the pool of {}")


@pool.command()
@holds(Use.CHANGE)
def remove(application: Application, node: Node) -> None:
    """Take it out of the pool; Apache reloads gracefully, and its sessions go elsewhere (drain first)."""
    _change("remove", application, node, "is out of the pool of {}")


@pool.command()
@holds(Use.CHANGE)
def weight(
    application: Application,
    node: Node,
    share: Annotated[int, typer.Argument(help="1 to 100; each node has 1 by itself.")],
) -> None:
    """Change its share of new sessions, against the other nodes'."""
    _change("weight", application, node, f"has weight {share} for {{}}", share)


def _change(verb: str, application: str, node: str, outcome: str, share: int = 0) -> None:
    cluster = _cluster()
    pools.change(cluster, verb, application, node, share)
    err.print(f"{node} {outcome.format(application)}, on both balancers", highlight=False)


def _cluster() -> Cluster:
    settings = configuration.load()
    if not project.exists(settings):
        raise UsageError("no cluster is up", mend="run `testbed up`")
    return Cluster(settings)


def _bytes(count: int) -> str:
    """A number of bytes to read, in steps of 1024."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
