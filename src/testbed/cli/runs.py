"""``testbed runs``: what was tried, and how it went."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from testbed import report, settings
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, out
from testbed.report.plots import shown
from testbed.report.summary import Summary

COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow", "error": "red"}


app = new_app()


@app.command(epilog=examples("testbed runs", "testbed runs --json"))
def runs(as_json: Json = False) -> None:
    """List the runs, oldest first, with verdicts and key figures."""
    parent = settings.load().state_dir / "runs"
    found = [(folder, report.load(folder)) for folder in report.runs(parent)]
    if as_json:
        print_json([_document(folder, summary) for folder, summary in found])
        return
    if not found:
        err.print(f"no runs in {parent}: `testbed run FILE` makes one", highlight=False)
        return
    out.print(_table(found))
    if any(summary is None for _, summary in found):
        err.print("[dim]those without a verdict: `testbed report RUN` judges them[/]", highlight=False)


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
    return f"{shown(lengths[worst])} {worst}" if lengths[worst] else "none"
