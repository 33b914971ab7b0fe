"""``testbed bench speed``: how long testbed's own commands take."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from testbed.bench.speed import TimedCommand, run_testbed, time_rounds, timed_commands
from testbed.cli.bench import app, write_figures
from testbed.cli.group import examples
from testbed.cli.options import Consent, Json, Yes, print_json
from testbed.cli.output import out, progress
from testbed.cluster import Cluster, project
from testbed.cluster.lock import Use, hold
from testbed.host import engine
from testbed.report import Distribution


@app.command(epilog=examples("testbed bench speed --yes", "testbed bench speed --repeat 3 --yes"))
def speed(
    repeat: Annotated[int, typer.Option(help="Rounds.", min=1, max=100)] = 10, yes: Yes = False, as_json: Json = False
) -> None:
    """Time testbed's own commands: up, status, reset, a run, and down.

    The cluster that is up is replaced. At the end, a new one with the same options is up.
    """
    cluster = Cluster()
    # Each command takes the lock itself. A cluster that is in use is refused here, before anything is removed.
    with hold(cluster.settings, Use.EXCLUSIVE):
        engine.ensure(cluster.settings, progress.print_line)
        is_up = project.exists(cluster.settings)
        if is_up:
            Consent(given=yes).ask("the cluster and its data are removed")
    arguments = cluster.shape.up_arguments() if is_up else []
    if is_up:
        run_testbed(["down"])
    seconds: dict[TimedCommand, list[float]] = {}
    for command, took in time_rounds(timed_commands(arguments), repeat, run_testbed):
        progress.print_line(f"  {command.title}: {took:.2f} s")
        seconds.setdefault(command, []).append(took)
    if is_up:
        run_testbed(["up", *arguments])
    figures = write_figures(
        cluster, "speed", {each.title: asdict(Distribution.of(took)) for each, took in seconds.items()}
    )
    if as_json:
        print_json(figures)
    else:
        out.print(_table(seconds))


def _table(seconds: dict[TimedCommand, list[float]]) -> Table:
    table = Table("seconds", "n", "median", "tail", "target", box=None, header_style="bold")
    for command, took in seconds.items():
        spread = Distribution.of(took)
        table.add_row(
            command.title, str(spread.n), f"{spread.median:.2f}", spread.tail("{:.2f}".format), f"{command.target:g}"
        )
    return table
