"""Fewer points, and nothing lost: no sample that is not good, and no slowest one."""

import random
import re

import pytest

from testbed.report.axis import UNITS, Axis
from testbed.report.decimate import Grid, envelope, spells
from testbed.report.plots import height_of, plot

Samples = tuple[list[float], list[float], list[int]]


@pytest.fixture(params=range(4))
def samples(request: pytest.FixtureRequest) -> Samples:
    rng = random.Random(request.param)  # noqa: S311
    due = [100 + number * 0.02 for number in range(20_000)]
    waits = [rng.lognormvariate(-4, 1) for _ in due]
    share = (0.0, 0.001, 0.3, 0.9)[request.param]
    outcomes = [rng.choice([1, 2]) if rng.random() < share else 0 for _ in due]
    return due, waits, outcomes


@pytest.mark.parametrize("nearer", [0.0, 0.5])
def test_no_failed_or_unknown_sample_is_dropped(samples: Samples, nearer: float) -> None:
    due, _, outcomes = samples
    found = spells(due, outcomes, nearer)
    for code, name in ((1, "failed"), (2, "unknown")):
        of_it = [spell for spell in found if spell.outcome == name]
        assert sum(spell.count for spell in of_it) == outcomes.count(code)
        edges = iter(sorted((spell.first, spell.last) for spell in of_it))
        first, last = next(edges, (0, -1))
        for at in (at for at, outcome in zip(due, outcomes, strict=True) if outcome == code):
            while at > last:
                first, last = next(edges)
            assert first <= at <= last


def test_neighbours_of_one_outcome_are_one_spell() -> None:
    found = spells([1, 2, 3, 4, 5, 6, 7], [0, 1, 1, 0, 2, 1, 1])
    assert [(spell.outcome, spell.first, spell.last, spell.count) for spell in found] == [
        ("failed", 2, 3, 2),
        ("unknown", 5, 5, 1),
        ("failed", 6, 7, 2),
    ]


@pytest.mark.parametrize("windows", [(), ((150.0, 160.0),), ((150.0, 160.0), (155.0, 170.0), (90.0, 101.0))])
def test_the_slowest_of_every_stretch_is_kept(samples: Samples, windows: tuple[tuple[float, float], ...]) -> None:
    due, waits, outcomes = samples
    grid = Grid.over(due[0], due[-1], windows)
    found = envelope(due, waits, outcomes, grid)
    kept = {stretch.at: stretch.slowest for stretch in found}
    good = {at: wait for at, wait, outcome in zip(due, waits, outcomes, strict=True) if not outcome}
    assert all(good[at] == wait for at, wait in kept.items())
    assert max(kept.values()) == max(good.values())
    # Each good sample has a point that is as slow or slower no more than a stretch away.
    points = sorted(kept.items())
    place = 0
    for at, wait in good.items():
        while place < len(points) and points[place][0] < at - grid.coarse:
            place += 1
        near = []
        for when, slowest in points[place:]:
            if when > at + grid.coarse:
                break
            near.append(slowest)
        assert max(near) >= wait


def test_lines_break_where_samples_failed() -> None:
    found = envelope([0, 1, 2, 3, 4], [0.1] * 5, [0, 0, 1, 0, 0], Grid.over(0, 4, ()))
    assert [stretch.joined for stretch in found] == [False, True, False, True]


def test_a_window_is_looked_at_more_closely() -> None:
    due = [number * 0.001 for number in range(100_000)]
    found = envelope(due, [0.01] * len(due), [0] * len(due), Grid.over(0, 100, [(50, 51)]))
    inside = sum(50 <= stretch.at < 51 for stretch in found)
    assert inside > 900  # every sample, where otherwise there are 24
    assert len(found) < 5000


def test_every_spell_reaches_the_plot() -> None:
    axis = Axis(0, 1000, 0, "zero", 0)
    due = [float(number) for number in range(1000)]
    outcomes = [0] * 1000
    outcomes[500], outcomes[700], outcomes[701] = 1, 2, 2
    drawn = plot("https", axis, due, [0.01] * 1000, outcomes)
    assert re.findall(r"M(\d+) ", drawn.failed) == [str(UNITS // 2)]
    assert re.findall(r"M(\d+) [\d.]+h(\d+)", drawn.unknown) == [("70000", "100")]
    assert (drawn.good, drawn.bad, drawn.doubtful) == (997, 1, 2)
    assert drawn.description == "https: 997 ok, 1 failed, 2 unknown"


def test_scattered_samples_keep_the_slowest() -> None:
    axis = Axis(0, 100, 0, "zero", 0)
    drawn = plot("load", axis, [50.0] * 3000, [0.1] * 2999 + [25.0], [0] * 3000, scattered=True)
    assert f"M50000 {round(height_of(25.0))}h0" in drawn.dots
    assert drawn.dots.count("M") == 2


def test_heights_are_logarithmic_and_bounded() -> None:
    assert height_of(0.00001) == height_of(0.001) > height_of(0.1) > height_of(1) > height_of(30) == height_of(1e9) == 0


def test_nothing_is_no_plot() -> None:
    axis = Axis(0, 1, 0, "zero", 0)
    drawn = plot("tcp", axis, [], [], [])
    assert (drawn.line, drawn.failed, drawn.unknown) == ("", "", "")
