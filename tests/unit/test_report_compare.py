"""Two series beside each other: what counts as better or worse, and what does not."""

import itertools
import math
import random
import subprocess
import sys

import pytest

from testbed.report import Distribution, Summary, compare
from testbed.report.comparison import BETTER, FEW, ONE_SIDED, SAME, SPREAD, WORSE
from testbed.report.rank_tests import hodges_lehmann, holm_correction, p_value
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


def test_a_difference_within_the_spread_is_reported_as_such() -> None:
    assert judged(runs(3.0, 5.0, 4.0, 6.0, 3.5), runs(3.2, 4.8, 4.4, 6.1, 3.9)) == SPREAD


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (3, 3), (2, 7)])
def test_too_few_runs_give_no_judgement(n: int, m: int) -> None:
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
    assert found.rows[0].after == Distribution(4, math.inf, None, math.inf, math.inf)


def test_what_only_one_side_measured_is_reported() -> None:
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


def several(rng: random.Random, measures: int, runs_: int, name: str, *, slower: float = 0.0) -> list[Summary]:
    """Runs with many measures that come from one source; the first measure is slower by so much."""
    return [
        Summary(
            run=f"{name}-{number}", name="db-power-loss", series=name, verdict="pass", started=number, duration=60,
            phases=[PhaseResult(
                resource="site", source="lb1", target="lb2", cause="after resign",
                seconds={f"m{m}": rng.gauss(5, 1) + (slower if m == 0 else 0) for m in range(measures)},
            )],
        )
        for number in range(runs_)
    ]  # fmt: skip


def test_two_series_of_the_same_thing_seldom_show_a_change() -> None:
    rng = random.Random(7)  # noqa: S311 - a simulation
    changed = 0
    for _ in range(20):
        rows = compare(several(rng, 20, 8, "a"), several(rng, 20, 8, "b")).rows
        changed += any(row.judgement in (BETTER, WORSE) for row in rows)
    # Without the correction it is 1 - 0.95**20: two of three.
    assert changed <= 4


def test_a_real_change_among_twenty_measures_is_found() -> None:
    rng = random.Random(7)  # noqa: S311 - a simulation
    rows = compare(several(rng, 20, 12, "a"), several(rng, 20, 12, "b", slower=4)).rows
    worse = [row for row in rows if row.judgement == WORSE]
    assert [row.name for row in worse] == ["m0, site after resign"]
    assert worse[0].difference == pytest.approx(4, abs=1)
    assert worse[0].low is not None
    assert worse[0].high is not None
    assert worse[0].low < 4 < worse[0].high
    assert worse[0].low == pytest.approx(4, abs=1.5)


def test_more_measures_need_more_runs() -> None:
    rng = random.Random(7)  # noqa: S311 - a simulation
    found = compare(several(rng, 20, 5, "a"), several(rng, 20, 5, "b", slower=90))
    assert {row.judgement for row in found.rows} == {FEW}
    assert "5 runs on one side: 20 measures need 6 on each; repeat them (testbed run FILE --repeat 6)" in found.remarks
    enough = compare(several(rng, 20, 6, "a"), several(rng, 20, 6, "b", slower=90))
    assert enough.rows[0].judgement == WORSE
    assert not any("repeat" in remark for remark in enough.remarks)


def brute(one: list[float], other: list[float]) -> float:
    """The same probability by trying every way to share the values out, where none are tied."""
    values, n = [*one, *other], len(one)

    def ahead(chosen: tuple[int, ...]) -> float:
        rest = [i for i in range(len(values)) if i not in chosen]
        return sum((values[a] > values[b]) for a in chosen for b in rest)

    middle = n * len(other) / 2
    seen = abs(ahead(tuple(range(n))) - middle)
    ways = list(itertools.combinations(range(len(values)), n))
    return sum(abs(ahead(way) - middle) >= seen for way in ways) / len(ways)


@pytest.mark.parametrize(
    ("one", "other"), [([1, 2, 3], [4, 5, 6]), ([1, 5, 2], [3, 4, 9, 8]), ([1, 2.5, 7], [2, 3, 8]), ([1], [2])]
)
def test_the_p_value_is_what_counting_gives(one: list[float], other: list[float]) -> None:
    assert p_value(one, other) == pytest.approx(brute(one, other))


def test_values_that_are_tied_or_infinite_are_tested() -> None:
    assert p_value([1.0] * 5, [1.0] * 5) == 1.0
    assert p_value([1.0] * 4, [2.0] * 4) == pytest.approx(2 / math.comb(8, 4))
    assert p_value([math.inf] * 4, [1, 2, 3, 4]) == pytest.approx(2 / math.comb(8, 4))


def test_the_correction_is_holms() -> None:
    # The example of R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    assert holm_correction([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm_correction([0.5, 0.9]) == [1.0, 1.0]
    assert holm_correction([]) == []


def test_the_interval_of_the_difference() -> None:
    assert hodges_lehmann([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == (5, 2, 8)
    assert hodges_lehmann([1, 2], [3, 4]) == (2, -math.inf, math.inf)
    assert hodges_lehmann([1] * 4, [2] * 4) == (1, 1, 1)
    assert hodges_lehmann([1, math.inf], [1, 2]) is None


def test_the_interval_holds_the_difference_as_often_as_its_confidence() -> None:
    rng = random.Random(3)  # noqa: S311 - a simulation
    held = 0
    for _ in range(100):
        found = hodges_lehmann([rng.gauss(0, 1) for _ in range(7)], [rng.gauss(1, 1) for _ in range(7)])
        assert found is not None
        assert found[1] <= found[0] <= found[2]
        held += found[1] <= 1 <= found[2]
    assert held >= 90


def test_help_needs_no_scipy() -> None:
    script = "import sys; import testbed.cli; sys.exit('scipy' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_p95_is_the_nearest_rank() -> None:
    assert Distribution.of([float(i) for i in range(1, 21)]) == Distribution(20, 10.5, 19.0, 1.0, 20.0)
    assert Distribution.of([2.0]) == Distribution(1, 2.0, None, 2.0, 2.0)
    with pytest.raises(ValueError, match="no measurement"):
        Distribution.of([])


def test_a_distribution_shows_measured_values_only() -> None:
    spread = Distribution.of([float(number) for number in range(40, 0, -1)])
    assert (spread.n, spread.median, spread.p95) == (40, 20.5, 38.0)
    assert (spread.minimum, spread.maximum) == (1.0, 40.0)
    assert spread.tail("{:g}".format) == "p95 38, max 40"


@pytest.mark.parametrize("n", [1, 5, 19])
def test_a_p95_of_few_values_is_the_maximum_and_is_called_that(n: int) -> None:
    spread = Distribution.of([float(number) for number in range(1, n + 1)])
    assert spread.p95 is None
    assert spread.tail("{:.1f}".format) == f"max of {n}: {n}.0"


def test_no_distribution_without_a_value() -> None:
    with pytest.raises(ValueError, match="no measurement"):
        Distribution.of([])
