"""``testbed report``: judge a run again, and write its page."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from testbed import report as reports
from testbed import settings
from testbed.cli import complete
from testbed.cli.browser import has_display, show
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, out
from testbed.report import server
from testbed.report.plots import format_latency
from testbed.report.run_page import headline
from testbed.report.summary import CheckResult, Summary

COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow", "error": "red"}


app = new_app()


@app.command(
    epilog=examples(
        "testbed report", "testbed report database-power-loss --open", "testbed report 20261124-1200 --json"
    )
)
def report(
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run's folder, name or unique prefix, or an incident's name: its latest; none: the latest report.",
            autocompletion=complete.runs,
        ),
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser, or serve it as --serve.")
    ] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve the page on loopback, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="Of --serve; 0: any that is free.", min=0, max=65535)] = 0,
    as_json: Json = False,
) -> None:
    """Judge a run from its journal, and write its report.

    The files are report.html, junit.xml and summary.json, beside the journal.

    --open shows the page of a run on another computer, too: without a display it serves the page on loopback, and
    prints the `ssh -L` command for your own computer.

    Exit status: 0 the run passes, 1 it fails, 3 it could not be judged, 4 the run itself broke.
    """
    parent = settings.load().state_dir / "runs"
    folder = reports.latest_run(parent) if run is None else reports.find_run(run, parent)
    summary = reports.write_report(folder)
    if as_json:
        print_json({"report": str(folder / reports.PAGE), **summary.model_dump()})
    else:
        out.print(_checks(summary))
        if summary.outages:
            out.print(_outages(summary))
    if summary.damage:
        err.print(f"[yellow]damaged journal:[/] {escape(summary.damage)}", highlight=False)
    colour = COLOURS[summary.verdict]
    err.print(f"[bold {colour}]{escape(headline(summary))}[/]", highlight=False)
    if not as_json:
        typer.echo(folder / reports.PAGE)
    if serve or (open_it and not has_display()):
        serve_report(folder, port)
    elif open_it:
        show((folder / reports.PAGE).resolve().as_uri())
    if summary.exit_status:
        raise typer.Exit(summary.exit_status)


def serve_report(folder: Path, port: int) -> None:
    """Serve a run's page until Ctrl-C.

    Args:
        folder: the run's.
        port: on loopback; 0: any that is free.
    """
    with server.serve(folder, port) as serving:
        number = int(serving.server_address[1])
        show(f"http://{server.ADDRESS}:{number}/", number)
        err.print("Ctrl-C ends it", highlight=False)
        with suppress(KeyboardInterrupt):
            serving.serve_forever()


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
            table.add_row(probe, "none", "", "", format_latency(seen.resolution))
            continue
        longest, total = (
            format_latency(float("inf") if value is None else value) for value in (seen.longest, seen.total)
        )
        table.add_row(probe, str(seen.count), longest, total, format_latency(seen.resolution))
    return table
