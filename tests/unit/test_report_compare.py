"""Two series beside each other: what counts as better or worse, and what does not."""

import itertools
import math

import pytest

from testbed.report import Distribution, Summary, compare
from testbed.report.comparison import BETTER, FEW, ONE_SIDED, SAME, SPREAD, WORSE, chance
from testbed.report.summary import CheckResult, OutageResult, PhaseResult


def runs(*outages: float | None, name: str = "a", resolution: float = 0.05, status: str = "pass") -> list[Summary]:
    return [
        Summary(
            run=f"{name}-{number}", name="db-power-loss", series=name, verdict="pass", started=number, duration=60,
            outages={"sql-write": OutageResult(
                count=1, longest=longest, total=longest, resolution=resolution, good=1, failed=1, unknown=0,
            )},
            checks=[CheckResult.model_validate({"name": "durability", "status": status})],
        )
        for number, longest in enumerate(outages)
    ]  # fmt: skip


def judged(before: list[Summary], after: list[Summary]) -> str:
    [row] = compare(before, after).rows
    assert row.name == "outage of sql-write"
    return row.judgement


def test_faster_is_better_and_slower_is_worse() -> None:
    fast, slow = runs(3.0, 3.1, 3.2, 3.3, 3.4), runs(5.0, 5.1, 5.2, 5.3, 5.4)
    assert judged(slow, fast) == BETTER
    assert judged(fast, slow) == WORSE


def test_a_difference_within_the_spread_is_told_as_such() -> None:
    assert judged(runs(3.0, 5.0, 4.0, 6.0, 3.5), runs(3.2, 4.8, 4.4, 6.1, 3.9)) == SPREAD


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (3, 3), (2, 7)])
def test_too_few_runs_tell_nothing(n: int, m: int) -> None:
    assert judged(runs(*[3.0] * n), runs(*[30.0] * m)) == FEW


def test_less_than_the_probe_resolves_is_the_same() -> None:
    one, other = runs(1.00, 1.001, 1.002, 1.003), runs(1.01, 1.011, 1.012, 1.013)
    assert judged(one, other) == SAME
    assert (
        judged(runs(1.00, 1.001, 1.002, 1.003, resolution=0.001), runs(1.01, 1.011, 1.012, 1.013, resolution=0.001))
        == WORSE
    )


def test_an_outage_without_an_end_is_the_worst() -> None:
    found = compare(runs(3, 3.1, 3.2, 3.3), runs(None, None, None, None))
    assert found.rows[0].judgement == WORSE
    assert found.rows[0].difference is None
    assert found.rows[0].after == Distribution(4, math.inf, math.inf, math.inf, math.inf)


def test_what_only_one_side_measured_is_told() -> None:
    before, after = runs(1, 2), runs(1, 2)
    phases = PhaseResult(resource="site", source="lb1", target="lb2", cause="after resign", seconds={"first page": 1.0})
    [_, row] = compare(before, [run.model_copy(update={"phases": [phases]}) for run in after]).rows
    assert (row.name, row.judgement, row.before) == ("first page, site after resign", ONE_SIDED, None)


def test_checks_are_counted() -> None:
    found = compare(runs(1, 1), runs(1, 1, status="fail"))
    [durability] = [each for each in found.tallies if each.name == "durability pass"]
    assert (durability.before, durability.after, durability.changed) == ("2 of 2", "0 of 2", True)


def test_different_incidents_and_platforms_are_remarked() -> None:
    other = [run.model_copy(update={"name": "lb", "platform": {"accel": "kvm"}}) for run in runs(1)]
    remarks = " ".join(compare(runs(1), other).remarks)
    assert "different incidents" in remarks
    assert "different platforms" in remarks
    assert "1 run on one side" in remarks


def brute(one: list[float], other: list[float]) -> float:
    """The same probability by trying every way to share the values out."""
    values, n = [*one, *other], len(one)

    def ahead(chosen: tuple[int, ...]) -> float:
        rest = [i for i in range(len(values)) if i not in chosen]
        return sum((values[a] > values[b]) + (values[a] == values[b]) / 2 for a in chosen for b in rest)

    middle = n * len(other) / 2
    seen = abs(ahead(tuple(range(n))) - middle)
    ways = list(itertools.combinations(range(len(values)), n))
    return sum(abs(ahead(way) - middle) >= seen for way in ways) / len(ways)


@pytest.mark.parametrize(
    ("one", "other"),
    [([1, 2, 3], [4, 5, 6]), ([1, 5, 2], [3, 4, 9, 8]), ([1, 1, 1], [1, 1]), ([1, 2, 2, 7], [2, 2, 8]), ([1], [2])],
)
def test_chance_is_what_counting_gives(one: list[float], other: list[float]) -> None:
    assert chance(one, other) == pytest.approx(brute(one, other))


def test_chance_of_many_is_close_to_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = [float(i) for i in range(14)], [i + 4.5 for i in range(14)]
    exact = chance(one, other)
    monkeypatch.setattr("testbed.report.comparison.EXACT", 0)
    assert chance(one, other) == pytest.approx(exact, abs=0.005)
    assert chance([1.0] * 5, [1.0] * 5) == 1.0


def test_p95_is_the_nearest_rank() -> None:
    assert Distribution.of([float(i) for i in range(1, 21)]) == Distribution(20, 10.5, 19.0, 1.0, 20.0)
    assert Distribution.of([2.0]) == Distribution(1, 2.0, 2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="no measurement"):
        Distribution.of([])


def test_a_distribution_tells_measured_values_only() -> None:
    spread = Distribution.of([float(number) for number in range(40, 0, -1)])
    assert (spread.n, spread.median, spread.p95) == (40, 20.5, 38.0)
    assert (spread.minimum, spread.maximum) == (1.0, 40.0)
    assert Distribution.of([2.0]).p95 == 2.0
    with pytest.raises(ValueError, match="no measurement"):
        Distribution.of([])
