"""The page of a session: one file, without a script, for a screen, a phone and paper."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from testbed.bench.paper.chart import chart
from testbed.bench.paper.results import Judgement, Result
from testbed.bench.paper.tables import markdown, shown, verdict
from testbed.bench.session.samples import BenchOpening, BenchSession, Failure

PAGE, TABLES = "report.html", "results.md"
TONES = {
    Judgement.REPRODUCED: "pass",
    Judgement.EXCEEDED: "pass",
    Judgement.NOT_REPRODUCED: "fail",
    Judgement.NOT_SHOWN: "unknown",
    Judgement.TOO_FEW: "unknown",
    Judgement.NOT_MEASURED: "unknown",
}
ICONS = {"pass": "\N{CHECK MARK}", "fail": "\N{MULTIPLICATION X}", "unknown": "?"}


def write(session: BenchSession, results: Sequence[Result]) -> Path:
    """Write the page and the tables into the folder of a session, and return the page's path."""
    opening = session.opening
    _replace(session.folder / TABLES, markdown(opening, results))
    path = session.folder / PAGE
    _replace(path, render(session.folder.name, opening, results, session.failures()))
    return path


def render(name: str, opening: BenchOpening, results: Sequence[Result], failures: Sequence[Failure]) -> str:
    """Return the whole page.

    Args:
        name: of the session.
        opening: its first line.
        results: of its claims.
        failures: the turns that could not be measured.
    """
    found = [each for result in results for each in result.found]
    counts = {tone: sum(TONES[each.judgement] == tone for each in found) for tone in ICONS}
    return _environment().get_template("paper.html.j2").render(
        name=name,
        opening=opening,
        started=datetime.fromtimestamp(opening.started).astimezone().strftime("%Y-%m-%d %H:%M:%S %z"),
        results=results,
        found=found,
        counts=counts,
        tone="pass" if counts["pass"] == len(found) else "unknown",
        failures=failures,
        charts={
            result.claim.key: [chart(measure, rows, result.found) for measure, rows in result.rows.items()]
            for result in results
        },
        tones=TONES, icons=ICONS, shown=shown, verdict=verdict,
        # The style of report pages is laid out with the heights of their plots.
        heights=(0, 0, 0),
    )  # fmt: skip


def _replace(path: Path, content: str) -> None:
    """Write a file at once: a reader gets the old one or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(content)
    draft.replace(path)


@cache
def _environment() -> Environment:
    return Environment(
        loader=ChoiceLoader([PackageLoader("testbed.bench.paper"), PackageLoader("testbed.report")]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
