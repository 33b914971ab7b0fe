"""``testbed status``: who does what."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, duration_option, print_json
from testbed.cli.output import err, out
from testbed.cluster import Cluster, ClusterState, complaints
from testbed.cluster.lock import holders
from testbed.cluster.node_summary import describe_state
from testbed.cluster.state import RoleState
from testbed.errors import UsageError
from testbed.roles import BalancerState, DatabaseState
from testbed.wait import elapse

app = new_app()


@app.command(epilog=examples("testbed status", "testbed status --watch", "testbed status --json"))
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C.")] = False,
    interval: Annotated[
        float, duration_option("--interval", help="How often --watch asks.", least=0.5, most=3600, show_default="2s")
    ] = 2.0,
    as_json: Json = False,
) -> None:
    """Show each node's power, address and role, and the faults in force.

    Exit status 1 when the cluster is not healthy.
    """
    cluster = Cluster()
    if watch:
        if as_json:
            raise UsageError("--watch prints for people, --json one document", fix="use one of them")
        _watch(cluster, interval)
        return
    state = cluster.state()
    wrong = complaints(state, cluster.topology)
    if as_json:
        print_json(_document(cluster, state, wrong))
    else:
        out.print(_table(state, cluster))
        for line in _lines(cluster, wrong):
            err.print(line, highlight=False)
    if wrong:
        raise typer.Exit(ExitStatus.FAILED)


def _document(cluster: Cluster, state: ClusterState, wrong: list[str]) -> dict[str, object]:
    held = holders(cluster.settings)
    return {
        "healthy": not wrong,
        "complaints": wrong,
        "profile": cluster.topology.profile,
        "up_arguments": cluster.shape.up_arguments(),
        "active_balancer": state.active_balancer,
        "primary_database": state.primary_database,
        "faults": [asdict(entry) for entry in cluster.ledger.entries()],
        "held_by": [{"command": each.command, "pid": each.pid, "since": each.since} for each in held],
        **asdict(state),
    }


def _watch(cluster: Cluster, interval: float) -> None:
    """Show the state again and again; Ctrl-C is how that ends."""
    with suppress(KeyboardInterrupt), Live(console=out, auto_refresh=False) as live:
        while True:
            state = cluster.state()
            lines = _lines(cluster, complaints(state, cluster.topology))
            now = Text(time.strftime("%H:%M:%S"), style="dim")
            live.update(Group(_table(state, cluster), *map(Text.from_markup, lines), now), refresh=True)
            elapse(interval)


def _lines(cluster: Cluster, wrong: list[str]) -> list[str]:
    """What stands below the table, as Rich's markup: faults, who holds the cluster, what is wrong."""
    lines = []
    for entry in cluster.ledger.entries():
        options = " ".join(f"{name}={value}" for name, value in entry.options.items())
        lines.append(f"[yellow]fault in force:[/] {escape(f'{entry.fault} on {entry.node} {options}'.rstrip())}")
    lines += [escape(f"held by {holder}") for holder in holders(cluster.settings)]
    lines += [f"[red]✗[/] {escape(complaint)}" for complaint in wrong]
    return lines if wrong else [*lines, f"[green]✓[/] healthy ({cluster.topology.profile})"]


def _table(state: ClusterState, cluster: Cluster) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("node", "power", "address", "state"):
        table.add_column(heading)
    described: dict[str, RoleState] = {each.node: each for each in state.roles}
    for name, power in state.power.items():
        each = described.get(name)
        holds = isinstance(each, BalancerState | DatabaseState) and each.holds_address
        virtual = cluster.topology.site if isinstance(each, BalancerState) else cluster.topology.database
        table.add_row(name, power.value, str(virtual.address) if holds else "", describe_state(each) if each else "")
    return table
