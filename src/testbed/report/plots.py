"""Latency and outcome as lanes of the page: paths in the units of the one axis.

A plot is as wide as the page, so that widths are stretched and heights are pixels; strokes are not stretched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from testbed.journal import Outcome
from testbed.report.axis import DASH, MINUS, UNITS, Axis
from testbed.report.decimate import Grid, Spell, Stretch, envelope, spells

HEIGHT = 54  # of the latencies, pixels
STRIP = 12  # of the outcomes
STRIP_TOP = HEIGHT + 4
FASTEST, SLOWEST = 0.001, 30.0  # seconds at the bottom and at the top
GUIDES = ((0.01, "10 ms"), (0.1, "0.1 s"), (1.0, "1 s"), (10.0, "10 s"))
# Stretches that are nearer than this part of the run are drawn as one.
NEAR = 1 / 20_000


@dataclass(frozen=True, slots=True)
class TimeBox:
    """A stretch of time, drawn.

    Args:
        left, width: percent.
        label: what it says if there is room.
        title: what it says in full.
        tone: how it looks.
    """

    left: float
    width: float
    label: str
    title: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A lane of latencies with the outcomes below.

    Args:
        name: of the probe, or the load.
        description: what is to be seen, in words.
        band, line: paths of good samples: from the fastest to the slowest of each moment, and the slowest.
        fine: like ``line``, from more points where something happened: for a closer look, else it looks but thicker.
        dots: path of good samples one by one.
        failed, unknown: paths of those that were not.
        windows: outages.
        good, bad, doubtful: number of samples ok, failed, unknown.
    """

    name: str
    description: str
    band: str
    line: str
    fine: str
    dots: str
    failed: str
    unknown: str
    windows: tuple[TimeBox, ...]
    good: int
    bad: int
    doubtful: int


def height_of(latency: float) -> float:
    """Where a latency is drawn, in pixels from the top: logarithmic, since a page's and a time-out's differ so."""
    share = log10(max(min(latency, SLOWEST), FASTEST) / FASTEST) / log10(SLOWEST / FASTEST)
    return round(HEIGHT * (1 - share), 1)


def plot(
    name: str,
    axis: Axis,
    due: Sequence[float],
    latencies: Sequence[float],
    outcomes: Sequence[int],
    *,
    windows: Sequence[TimeBox] = (),
    interest: Sequence[tuple[float, float]] = (),
    scattered: bool = False,
) -> Plot:
    """Draw one lane.

    Args:
        name: of the lane.
        axis: the page's.
        due: when each sample was due, in order.
        latencies: seconds of each.
        outcomes: of each: 0 ok, 1 failed, 2 unknown.
        windows: the outages to be shaded.
        interest: stretches of time to look at more closely.
        scattered: a dot for each sample rather than a line, where samples are not evenly spaced.
    """
    bad, doubtful = (sum(1 for each in outcomes if each == which) for which in (1, 2))
    found = spells(due, outcomes, axis.span * NEAR)
    band = line = fine = dots = ""
    if scattered:
        dots = _dots(axis, due, latencies, outcomes)
    else:
        even = Grid.over(axis.begin, axis.end, ())
        band, line = _paths(axis, envelope(due, latencies, outcomes, even))
        closer = Grid.over(axis.begin, axis.end, interest)
        fine = _paths(axis, envelope(due, latencies, outcomes, closer))[1] if closer.windows else ""
    good = len(due) - bad - doubtful
    return Plot(
        name=name,
        description=f"{name}: {good} ok, {bad} failed, {doubtful} unknown",
        band=band,
        line=line,
        fine=fine,
        dots=dots,
        failed=_bars(axis, found),
        unknown=_capsules(axis, found),
        windows=tuple(windows),
        good=good,
        bad=bad,
        doubtful=doubtful,
    )


def box(axis: Axis, begin: float, end: float, label: str, title: str, tone: str = "") -> TimeBox:
    """A stretch of time on the page; what has no end lasts as long as the page does."""
    left, right = axis.percent(begin), axis.percent(end)
    return TimeBox(left, round(right - left, 4), label, title, tone)


def _bars(axis: Axis, found: list[Spell]) -> str:
    """A bar for each spell of failures, as high as the strip below the latencies."""
    bars = []
    for first, last in _ends(axis, found, Outcome.FAILED):
        bars.append(f"M{first} {STRIP_TOP}v{STRIP}h{last - first}v-{STRIP}z")
    return "".join(bars)


def _capsules(axis: Axis, found: list[Spell]) -> str:
    """A line for each unknown spell; the page draws it hollow, with round ends."""
    middle = STRIP_TOP + STRIP / 2
    return "".join(f"M{first} {middle:g}h{last - first}" for first, last in _ends(axis, found, Outcome.UNKNOWN))


def _ends(axis: Axis, found: list[Spell], outcome: Outcome) -> list[tuple[int, int]]:
    return [(axis.units(spell.first), axis.units(spell.last)) for spell in found if spell.outcome is outcome]


def _paths(axis: Axis, stretches: list[Stretch]) -> tuple[str, str]:
    """The band from the fastest to the slowest, and the line of the slowest."""
    bands: list[str] = []
    lines: list[str] = []
    part: list[tuple[int, float, float]] = []
    for stretch in stretches:
        if not stretch.joined:
            _finish(part, bands, lines)
            part = []
        part.append((axis.units(stretch.at), height_of(stretch.slowest), height_of(stretch.fastest)))
    _finish(part, bands, lines)
    return "".join(bands), "".join(lines)


def _finish(part: list[tuple[int, float, float]], bands: list[str], lines: list[str]) -> None:
    if not part:
        return
    upper = _relative([(x, top) for x, top, _ in part])
    # A lone sample is a dot: a line of no length with a round end.
    lines.append(upper if len(part) > 1 else upper + "h0")
    if len(part) > 1:
        lower = [(x, bottom) for x, _, bottom in reversed(part)]
        turn = f"L{lower[0][0]} {lower[0][1]:g}"
        bands.append(upper + turn + _relative(lower)[len(f"M{lower[0][0]} {lower[0][1]:g}") :] + "Z")


def _relative(points: list[tuple[int, float]]) -> str:
    """A path through the points, in the shortest spelling."""
    (x, y), *rest = points
    text = [f"M{x} {y:g}"]
    for next_x, next_y in rest:
        step_y = round(next_y - y, 1)
        text.append(f"{'l' if len(text) == 1 else ' '}{next_x - x} {step_y:g}")
        x, y = next_x, next_y
    return "".join(text).replace(" -", "-")


def _dots(axis: Axis, due: Sequence[float], latencies: Sequence[float], outcomes: Sequence[int]) -> str:
    """A dot for each good sample; those that would lie upon each other are drawn once."""
    cell = UNITS / 20_000
    cells = {
        (round(axis.units(at) / cell), round(height_of(latency)))
        for at, latency, outcome in zip(due, latencies, outcomes, strict=True)
        if not outcome
    }
    return "".join(f"M{round(x * cell)} {y}h0" for x, y in sorted(cells))


def format_latency(seconds: float | None) -> str:
    """A length of time for people."""
    if seconds is None:
        return DASH
    if seconds == float("inf"):
        return "no end"
    if abs(seconds) < 0.1:
        return f"{seconds * 1000:.0f} ms".replace("-", MINUS)
    return f"{seconds:.2f} s".replace("-", MINUS)
