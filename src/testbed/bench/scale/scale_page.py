"""The results of a session as Markdown: a table of slopes, and the cost at each size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from testbed.bench.paper.chart import figure
from testbed.bench.paper.tables import DASH
from testbed.bench.scale.scale_model import SATURATED, ScaleResult
from testbed.bench.scale.slope import Coefficient, Growth
from testbed.bench.session.samples import BenchOpening, Failure
from testbed.bench.session.subject import Measure

INTRODUCTION = """# Scale

This is the cost of the testbed itself against the number of app nodes, users, samples of the probes, and events of the
journal, measured on one machine in one session. `make bench-scale` measures it on your machine. It writes this page
into a folder below `.testbed/bench`.
"""
METHOD = """The sizes take turns, and the order changes from round to round. The slope is that of the line by least
squares through all measurements. The exponent is the slope of the line on logarithmic scales, so 1 is linear. A fixed
cost lowers it. Both have a 95 % interval by Student's t distribution. Growth is worse than linear when the whole
interval of the exponent is above 1.1.
"""
HEAD = (
    "| cost | slope | interval | fixed | exponent | interval | n | growth |",
    "|---|---|---|---|---|---|---|---|",
)


def scale_markdown(opening: BenchOpening, results: Sequence[ScaleResult], failures: Sequence[Failure]) -> str:
    """Return the page.

    Args:
        opening: of the session.
        results: of its subjects.
        failures: the turns that could not be measured.
    """
    day = datetime.fromtimestamp(opening.started).astimezone().strftime("%Y-%m-%d")
    machine = [f"- {label}: {value}" for label, value in opening.machine.items()]
    lines = [INTRODUCTION, f"Measured on {day}:", "", *machine, "", METHOD, "## Slopes", "", *HEAD]
    for each in results:
        lines += [growth_row(each, measure, growth) for measure, growth in each.growths.items()]
    for each in results:
        lines += ["", *_sizes(each)]
    if failures:
        lines += ["", "## Turns that failed", "", *(f"- {format_failure(each)}" for each in failures)]
    return "\n".join(lines) + "\n"


def growth_cells(result: ScaleResult, measure: Measure, growth: Growth) -> tuple[str, ...]:
    """Return a cost in figures: slope, interval, fixed cost, exponent, interval, n and growth.

    Args:
        result: what the cost belongs to.
        measure: the cost.
        growth: how it grows.
    """
    unit = f"{measure.unit} per {result.subject.size_unit}"
    slope = (f"{signed(growth.slope.value)} {unit}", _interval(growth.slope)) if growth.slope else (DASH, DASH)
    exponent = (f"{growth.exponent.value:.2f}", _exponents(growth.exponent)) if growth.exponent else (DASH, DASH)
    fixed = DASH if growth.fixed is None else f"{signed(growth.fixed)} {measure.unit}"
    return (*slope, fixed, *exponent, str(growth.n), growth.kind.value)


def growth_row(result: ScaleResult, measure: Measure, growth: Growth) -> str:
    """Return the line of the table of slopes for a cost."""
    return f"| {' | '.join((measure.title, *growth_cells(result, measure, growth)))} |"


def format_failure(failure: Failure) -> str:
    """Return a turn that failed in one line."""
    turn = f"round {failure.round}, {failure.variant}: " if failure.round else ""
    return f"{failure.claim}, {turn}{' '.join(failure.failure.split())}"


def signed(value: float) -> str:
    """Return a value with three digits that count; a negative one has its sign."""
    return f"-{figure(-value)}" if value < 0 else figure(value)


def _interval(found: Coefficient) -> str:
    return f"{signed(found.low)} to {signed(found.high)}"


def _exponents(found: Coefficient) -> str:
    return f"{found.low:.2f} to {found.high:.2f}"


def _sizes(result: ScaleResult) -> Iterator[str]:
    """The median of each measure at each size; with several rounds, the range beside it."""
    subject = result.subject
    yield f"## {subject.title}"
    yield ""
    yield subject.method
    yield ""
    yield f"| {subject.size_title} | {' | '.join(f'{each.title}, {each.unit}' for each in subject.measures)} | n |"
    yield f"|---|{'---|' * len(subject.measures)}---|"
    for size, estimates in result.rows.items():
        cells = []
        for measure in subject.measures:
            estimate = estimates.get(measure)
            if estimate is None:
                cells.append(DASH)
                continue
            median, low, high = (signed(value) for value in (estimate.median, estimate.low, estimate.high))
            cells.append(median if low == high else f"{median} ({low} to {high})")
        n = max((estimate.n for estimate in estimates.values()), default=0)
        yield f"| {size} | {' | '.join(cells)} | {n} |"
    if result.saturated:
        yield ""
        yield (
            f"The containers kept more than {SATURATED:g} % of the processors busy at "
            f"{', '.join(map(str, result.saturated))} {subject.size_title}. The figures there include waiting."
        )
