"""The results as Markdown: the tables of docs/results.md, with the machine that they were measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from testbed.bench.paper.chart import figure, percent
from testbed.bench.paper.results import Found, Judgement, Result
from testbed.bench.session.estimate import Estimate
from testbed.bench.session.samples import BenchOpening

DASH = "\N{EN DASH}"
INTRODUCTION = """# Results

These are the quantitative claims of the 2006 design, measured on one machine in one session. `make bench-paper`
measures them on your machine. It writes this page, and a report with charts, into a folder below `.testbed/bench`.
"""
METHOD = """The variants of a claim take turns, and the order changes from round to round. A figure is the median of the
rounds. The interval beside it contains the true median with a probability of at least 95 %, whatever the distribution
is. With fewer than six rounds, the interval is the range, its lower confidence stands beside it, and no claim is
judged. A ratio compares two variants within each round. A claim reproduces when its interval reaches the paper's
figure.
"""
HEAD = ("## The paper's figures", "", "| the paper says | measured | interval | n | verdict |", "|---|---|---|---|---|")


def markdown(opening: BenchOpening, results: Sequence[Result]) -> str:
    """Return the page.

    Args:
        opening: of the session.
        results: of its claims.
    """
    day = datetime.fromtimestamp(opening.started).astimezone().strftime("%Y-%m-%d")
    machine = [f"- {label}: {value}" for label, value in opening.machine.items()]
    lines = [INTRODUCTION, f"Measured on {day}:", "", *machine, "", METHOD, *HEAD]
    lines += [_expected(found) for each in results for found in each.found]
    for each in results:
        lines += ["", *_claim(each)]
    return "\n".join(lines) + "\n"


def shown(estimate: Estimate, unit: str) -> tuple[str, str]:
    """Return an estimate and its interval in figures: a ratio in percent, anything else with its unit.

    Args:
        estimate: the estimate.
        unit: empty for a ratio.
    """
    form = figure if unit else percent
    value = f"{form(estimate.median)} {unit}".strip()
    interval = f"{form(estimate.low)} to {form(estimate.high)}"
    if estimate.confidence < 0.95:
        interval += f" ({estimate.confidence:.0%})".replace("%", " %")
    return value, interval


def verdict(found: Found) -> str:
    """Return the judgement in words, with the likely reason when the claim does not reproduce."""
    if found.judgement is Judgement.NOT_REPRODUCED and found.expectation.reason:
        return f"{found.judgement.value}, probably because {found.expectation.reason}"
    return found.judgement.value


def _expected(found: Found) -> str:
    value, interval = (DASH, DASH) if found.estimate is None else shown(found.estimate, found.unit)
    n = found.estimate.n if found.estimate else 0
    return f"| {found.expectation.statement} | {value} | {interval} | {n} | {verdict(found)} |"


def _claim(result: Result) -> Iterator[str]:
    claim = result.claim
    yield f"## {claim.title}"
    yield ""
    yield claim.method
    for measure, rows in result.rows.items():
        ratio = " ratio | interval |" if any(row.ratio for row in rows) else ""
        yield ""
        yield f"| {measure.title}, {measure.unit} | median | interval | n |{ratio}"
        yield f"|---|---|---|---|{'---|---|' if ratio else ''}"
        for row in rows:
            value, interval = shown(row.estimate, measure.unit)
            cells = [row.variant, value.removesuffix(measure.unit).strip(), interval, str(row.estimate.n)]
            if ratio:
                cells += shown(row.ratio, "") if row.ratio else (DASH, DASH)
            yield f"| {' | '.join(cells)} |"
    if claim.bases and result.rows:
        yield ""
        yield f"Ratios are to {claim.base_title}, measured in the same round."
