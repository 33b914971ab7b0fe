"""``testbed compare``: what got better or worse between two runs, or between their series."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from testbed import report, settings
from testbed.cli import complete
from testbed.cli.group import examples, new_app
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, out
from testbed.report import Distribution, SeriesComparison, Summary
from testbed.report.axis import format_signed
from testbed.report.comparison import BETTER, WORSE, MeasureRow

CAPTION = "seconds: median (p95 and max; of fewer than 20 runs the max alone); p corrected for the number of measures"
COLOURS = {BETTER: "green", WORSE: "red"}


app = new_app()


@app.command(
    epilog=examples("testbed compare 20261124-1200 20261125-0930", "testbed compare database-power-loss mine --json")
)
def compare(
    before: Annotated[str, typer.Argument(help="A run (see `testbed report --help`).", autocompletion=complete.runs)],
    after: Annotated[str, typer.Argument(help="Another.", autocompletion=complete.runs)],
    alone: Annotated[
        bool, typer.Option("--alone", help="These two runs only, without the rest of their series.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare two runs, or their series: what got better or worse.

    Each run is compared together with the other repetitions of its series. A difference counts when it is statistically
    significant: Mann-Whitney test, p at most 0.05 after Holm's correction for the number of measures. Beside each
    difference stands its interval with a confidence of 95 %.
    """
    parent = settings.load().state_dir / "runs"
    folders = [report.find_run(text, parent) for text in (before, after)]
    summaries = [report.summarize(folder) for folder in folders]
    together = summaries[0].series and summaries[0].series == summaries[1].series
    if together and not alone:
        err.print("both are of one series: they are compared alone", highlight=False)
    sides = [
        [summary] if alone or together else report.runs_of_series(folder, summary)
        for folder, summary in zip(folders, summaries, strict=True)
    ]
    found = report.compare(*sides)
    if as_json:
        print_json(_document(found))
        return
    _print(found, folders)


def _print(found: SeriesComparison, folders: list[Path]) -> None:
    for name, folder, runs in zip(("before", "after"), folders, (found.before, found.after), strict=True):
        out.print(f"{name}: {_called(folder, runs)}", highlight=False)
    out.print(_measures(found.rows))
    out.print(_tallies(found))
    for judgement in (WORSE, BETTER):
        names = [row.name for row in found.rows if row.judgement == judgement]
        if names:
            out.print(f"[bold {COLOURS[judgement]}]{judgement}:[/] {escape('; '.join(names))}", highlight=False)
    if not any(row.judgement in COLOURS for row in found.rows):
        out.print("no measure differs by more than chance explains", highlight=False)
    for remark in found.remarks:
        err.print(f"[yellow]note:[/] {escape(remark)}", highlight=False)


def _called(folder: Path, runs: tuple[Summary, ...]) -> str:
    several = f"{len(runs)} runs of its series" if len(runs) > 1 else "this run alone"
    return escape(f"{folder.name} ({several})")


def _measures(rows: tuple[MeasureRow, ...]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, caption=CAPTION)
    table.add_column("measure", overflow="fold")
    for heading in ("before", "after", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("judgement")
    for row in rows:
        colour = COLOURS.get(row.judgement)
        judgement = row.judgement if row.p is None else f"{row.judgement} (p {row.p:.2g})"
        difference = "" if row.difference is None else format_signed(row.difference)
        judged = f"[{colour}]{judgement}[/]" if colour else f"[dim]{judgement}[/]"
        table.add_row(escape(row.name), _figures(row.before), _figures(row.after), difference, _interval(row), judged)
    return table


def _figures(of: Distribution | None) -> str:
    return "" if of is None else f"{of.median:.2f} ({of.tail('{:.2f}'.format)})"


def _interval(row: MeasureRow) -> str:
    if row.low is None or row.high is None:
        return ""
    low, high = (format_signed(each) if isfinite(each) else "any" for each in (row.low, row.high))
    return f"{low} to {high}"


def _tallies(found: SeriesComparison) -> Table:
    table = Table("counted", "before", "after", "", box=None, header_style="bold", pad_edge=False)
    for each in found.tallies:
        table.add_row(escape(each.name), each.before, each.after, "[yellow]changed[/]" if each.changed else "")
    return table


def _document(found: SeriesComparison) -> dict[str, Any]:
    """The comparison as JSON, which has no infinity: what has no end is null."""
    return {
        "before": [run.run for run in found.before],
        "after": [run.run for run in found.after],
        "measures": [_plain(asdict(row)) for row in found.rows],
        "counts": [asdict(each) for each in found.tallies],
        "remarks": list(found.remarks),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value
