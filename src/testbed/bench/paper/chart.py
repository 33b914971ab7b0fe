"""One measure of a claim as a picture: a dot for each round, the median, its interval, and the paper's figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from testbed.bench.paper.results import Found, Row
from testbed.bench.session.subject import Measure

# Of the axis, percent of the chart's width: room for what sticks out at both ends.
LEFT, RIGHT = 1.0, 99.0
TICKS = 5


@dataclass(frozen=True, slots=True)
class ChartVariant:
    """One variant.

    Attributes:
        name: of the variant.
        dots: where each round lies, percent.
        median, low, high: of the estimate, percent.
        text: median and interval in figures.
        ratio: the ratio to its base in figures; empty if there is none.
    """

    name: str
    dots: tuple[float, ...]
    median: float
    low: float
    high: float
    text: str
    ratio: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One measure.

    Attributes:
        title: with the unit.
        lanes: a variant each.
        ticks: of the axis: percent and text.
        paper: the paper's absolute figures: percent and text.
    """

    title: str
    lanes: tuple[ChartVariant, ...]
    ticks: tuple[tuple[float, str], ...]
    paper: tuple[tuple[float, str], ...]


def chart(measure: Measure, rows: Sequence[Row], found: Sequence[Found]) -> Chart:
    """Draw one measure.

    Args:
        measure: what was measured.
        rows: a variant each, at least one.
        found: the paper's figures of the claim; absolute ones of this measure become lines.
    """
    limits = {limit: each.expectation for each in found if (limit := _limit(each, measure)) is not None}
    top = max([*(value for row in rows for value in row.values.values()), *limits]) or 1.0
    step = _step(top)
    end = step * max(1, ceil(top / step - 1e-9))

    def place(value: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * value / end, 2)

    lanes = tuple(
        ChartVariant(
            row.variant,
            tuple(place(value) for value in row.values.values()),
            place(row.estimate.median),
            place(row.estimate.low),
            place(row.estimate.high),
            f"{figure(row.estimate.median)} ({figure(row.estimate.low)} to {figure(row.estimate.high)})",
            "" if row.ratio is None else percent(row.ratio.median),
        )
        for row in rows
    )
    ticks = tuple((place(number * step), f"{number * step:g}") for number in range(round(end / step) + 1))
    paper = tuple((place(limit), f"paper: {limit:g} {measure.unit}") for limit in limits)
    return Chart(f"{measure.title}, {measure.unit}", lanes, ticks, paper)


def figure(value: float) -> str:
    """Return a value with three digits that count, and no exponent."""
    if not value:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    return f"{value:.{digits}f}"


def percent(ratio: float) -> str:
    """Return a ratio as a percentage."""
    return f"{ratio:.0%}".replace("%", "\N{NO-BREAK SPACE}%")


def _limit(found: Found, measure: Measure) -> float | None:
    expected = found.expectation
    if expected.base or expected.measure != measure.key:
        return None
    return expected.at_least if expected.at_least is not None else expected.at_most


def _step(top: float) -> float:
    """The distance of round ticks, of which about five reach to the top."""
    raw = top / TICKS
    magnitude = 10.0 ** floor(log10(raw))
    return next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw * 0.999)
