"""``testbed report``: a run judged anew, and its page."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from testbed import report as reports
from testbed import settings
from testbed.cli.main import app
from testbed.cli.output import err, out
from testbed.report.page import headline
from testbed.report.plots import shown
from testbed.report.summary import CheckResult, Summary

COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow", "error": "red"}


@app.command()
def report(
    run: Annotated[
        str, typer.Argument(help="A run's folder, its name or how that begins, or an incident's name: its latest run.")
    ],
) -> None:
    """Judge a run from its journal; write report.html, junit.xml and summary.json beside it.

    Exit status: 0 it passes, 1 it fails, 3 what it was to show is not known, 4 the run itself broke.
    """
    folder = reports.find(run, settings.load().state_dir / "runs")
    summary = reports.write(folder)
    out.print(_checks(summary))
    if summary.outages:
        out.print(_outages(summary))
    if summary.damage:
        err.print(f"[yellow]damaged journal:[/] {escape(summary.damage)}", highlight=False)
    colour = COLOURS[summary.verdict]
    err.print(f"[bold {colour}]{escape(headline(summary))}[/]", highlight=False)
    typer.echo(folder / reports.PAGE)
    if summary.exit_status:
        raise typer.Exit(summary.exit_status)


def _checks(summary: Summary) -> Table:
    table = Table("check", "verdict", "why", box=None, header_style="bold", pad_edge=False)
    for each in summary.checks:
        table.add_row(each.name, _verdict(each), escape(each.documented or each.summary))
    return table


def _verdict(check: CheckResult) -> str:
    if check.status == "fail" and check.documented:
        return "[dim]known failure[/]"
    return f"[{COLOURS[check.status]}]{check.status}[/]"


def _outages(summary: Summary) -> Table:
    table = Table("probe", "outages", "longest", "together", "interval", box=None, header_style="bold", pad_edge=False)
    for probe, seen in summary.outages.items():
        if not seen.count:
            table.add_row(probe, "none", "", "", shown(seen.resolution))
            continue
        longest, total = (shown(float("inf") if value is None else value) for value in (seen.longest, seen.total))
        table.add_row(probe, str(seen.count), longest, total, shown(seen.resolution))
    return table
