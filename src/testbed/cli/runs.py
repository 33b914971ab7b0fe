"""``testbed runs``: what was tried, and how it went."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from testbed import report, settings
from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Consent, Json, Yes, duration_option, print_json
from testbed.cli.output import err, out
from testbed.cluster.lock import Use
from testbed.errors import UsageError
from testbed.report.plots import format_latency
from testbed.report.summary import Summary

COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow", "error": "red"}


app = new_app()


@app.callback(
    invoke_without_command=True, epilog=examples("testbed runs", "testbed runs --json", "testbed runs rm --help")
)
def runs(context: typer.Context, as_json: Json = False) -> None:
    """List the runs, oldest first, with verdicts and key figures."""
    if context.invoked_subcommand is not None:
        return
    parent = settings.load().state_dir / "runs"
    found = [(folder, report.load_summary(folder)) for folder in report.list_runs(parent)]
    if as_json:
        print_json([_document(folder, summary) for folder, summary in found])
        return
    if not found:
        err.print(f"no runs in {parent}: `testbed run FILE` makes one", highlight=False)
        return
    out.print(_table(found))
    if any(summary is None for _, summary in found):
        err.print("[dim]those without a verdict: `testbed report RUN` judges them[/]", highlight=False)


@app.command(
    "rm",
    epilog=examples(
        "testbed runs rm 20261124-120001", "testbed runs rm --passed --older-than 168h", "testbed runs rm --all --yes"
    ),
)
@holds(Use.EXCLUSIVE)
def remove(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN...", help="Runs by folder, name or unique prefix.", autocompletion=complete.runs),
    ] = None,
    all_runs: Annotated[bool, typer.Option("--all", help="Every run.")] = False,
    passed: Annotated[bool, typer.Option("--passed", help="Runs that passed.")] = False,
    older_than: Annotated[
        float | None,
        duration_option("--older-than", help="Runs that began longer ago, such as 168h.", show_default=False),
    ] = None,
    yes: Yes = False,
) -> None:
    """Delete runs with their journals, logs and reports.

    --passed and --older-than together delete runs to which both apply. Nothing is deleted while a run goes on.
    """
    parent = settings.load().state_dir / "runs"
    if names and (all_runs or passed or older_than is not None):
        raise UsageError("runs are named, and chosen by options", fix="use one of them")
    if not (names or all_runs or passed or older_than is not None):
        raise UsageError("no run is named", fix="name runs, or use --all, --passed or --older-than")
    if names:
        chosen = list(dict.fromkeys(report.find_run(name, parent) for name in names))
    else:
        chosen = [each for each in report.list_runs(parent) if _applies(each, passed=passed, older_than=older_than)]
    if not chosen:
        err.print("no run is deleted", highlight=False)
        return
    size = sum(file.stat().st_size for folder in chosen for file in folder.rglob("*") if file.is_file())
    some = ", ".join(folder.name for folder in chosen[:3]) + (", ..." if len(chosen) > 3 else "")
    counted = "1 run" if len(chosen) == 1 else f"{len(chosen)} runs"
    verb = "is" if len(chosen) == 1 else "are"
    Consent(given=yes).ask(f"{counted} ({size / 1e6:.0f} MB) {verb} deleted: {some}")
    for folder in chosen:
        shutil.rmtree(folder)
        err.print(f"deleted {folder.name}", highlight=False)


def _applies(folder: Path, *, passed: bool, older_than: float | None) -> bool:
    """Whether a run is one of those that the options choose."""
    summary = report.load_summary(folder)
    if passed and (summary is None or summary.verdict != "pass"):
        return False
    began = summary.started if summary else folder.stat().st_mtime
    return older_than is None or time.time() - began > older_than


def _document(folder: Path, summary: Summary | None) -> dict[str, object]:
    if summary is None:
        return {"run": folder.name, "folder": str(folder), "verdict": None}
    return {"folder": str(folder), **summary.model_dump()}


def _table(found: list[tuple[Path, Summary | None]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("run", "repeat", "verdict", "longest outage", "requests failed", "writes missing"):
        table.add_column(heading, overflow="fold")
    for folder, summary in found:
        if summary is None:
            table.add_row(folder.name, "", "[dim]none yet[/]")
            continue
        repeat = f"{summary.repeat} of {summary.repeats}" if summary.repeats > 1 else ""
        verdict = f"[{COLOURS[summary.verdict]}]{summary.verdict}[/]"
        requests, writes = summary.requests, summary.writes
        asked = requests.ok + requests.failed + requests.unknown
        table.add_row(
            folder.name, repeat, verdict, _longest(summary),
            f"{requests.failed} of {asked}" if asked else "",
            f"{writes.missing} of {writes.acknowledged}" if writes.acknowledged else "",
        )  # fmt: skip
    return table


def _longest(summary: Summary) -> str:
    lengths = {probe: float("inf") if seen.longest is None else seen.longest for probe, seen in summary.outages.items()}
    worst = max(lengths, key=lambda probe: lengths[probe], default="")
    if not worst:
        return ""
    return f"{format_latency(lengths[worst])} {worst}" if lengths[worst] else "none"
