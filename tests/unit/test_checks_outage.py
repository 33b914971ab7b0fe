"""The outage check."""

from __future__ import annotations

import pytest

from testbed.checks import check_outage
from testbed.journal import Outcome, ProbeSample, Series

STEP = 0.05


def probe(due: float, outcome: Outcome = Outcome.OK, *, seconds: float = 0.01, detail: str = "") -> ProbeSample:
    return ProbeSample("http", due, due, due + seconds, outcome, detail)


def steady(first: float, last: float) -> list[ProbeSample]:
    return [probe(first + number * STEP) for number in range(round((last - first) / STEP) + 1)]


def test_a_steady_service_has_no_outage() -> None:
    report = check_outage(steady(0, 10), limit=1)
    assert report.ok
    assert report.windows == ()
    assert report.longest is None
    assert report.resolution == pytest.approx(STEP)
    assert "no outage" in report.describe()


def test_an_outage_lasts_from_reply_to_reply() -> None:
    down = [probe(1 + number * STEP, Outcome.FAILED, seconds=1, detail="refused") for number in range(1, 60)]
    lost = probe(1.0 + STEP / 2, Outcome.UNKNOWN, seconds=1, detail="timeout")
    report = check_outage([*steady(4, 6), lost, *down, *steady(0, 1)], limit=7)
    assert report.ok
    [window] = report.windows
    assert window.last_good == pytest.approx(1.01)
    assert window.first_good == pytest.approx(4.01)
    assert window.seconds == pytest.approx(3.0)
    assert (window.failed, window.unknown) == (59, 1)
    assert report.total == pytest.approx(3.0)
    assert "the longest 3.00 s" in report.describe()
    assert "timeout" in report.describe()


def test_an_outage_above_the_limit_fails() -> None:
    down = [probe(1.05, Outcome.FAILED)]
    report = check_outage([*steady(0, 1), *down, *steady(4, 5)], limit=2)
    assert not report.ok
    assert "at most 2 s were allowed" in report.describe()


def test_a_service_that_stays_away_fails() -> None:
    report = check_outage([*steady(0, 1), probe(1.05, Outcome.FAILED)])
    assert not report.ok
    assert report.windows[0].seconds == float("inf")
    assert "no good reply came" in report.describe()


def test_a_service_that_was_never_seen_fails() -> None:
    assert not check_outage([]).ok
    assert not check_outage([probe(1, Outcome.FAILED)]).ok
    assert check_outage([probe(1, Outcome.FAILED)]).windows[0].last_good is None


def test_slow_replies_are_an_outage_even_though_none_failed() -> None:
    blocked = [probe(1 + number * STEP, seconds=3 - number * STEP) for number in range(1, 60)]
    report = check_outage([*steady(0, 1), *blocked, *steady(4, 5)], limit=2)
    assert not report.ok
    [window] = report.windows
    assert window.seconds == pytest.approx(2.99)
    assert (window.failed, window.unknown) == (0, 0)


def test_late_replies_that_come_together_do_not_shorten_an_outage() -> None:
    # Blocked at 1.0; what was asked for by then is answered at 4.01, with what is asked for as service is back.
    blocked = [probe(1 + number * STEP, seconds=3.01 - number * STEP) for number in range(1, 6)]
    down = [probe(1.3 + number * STEP, Outcome.FAILED, seconds=0.9) for number in range(54)]
    [window] = check_outage([*steady(0, 1), *blocked, *down, *steady(4, 5)]).windows
    assert window.last_good == pytest.approx(1.01)
    assert window.first_good == pytest.approx(4.01)
    assert window.seconds == pytest.approx(3.0)
    assert window.failed == 54


def test_an_outage_is_as_long_as_what_failed_and_as_the_gap_without_a_reply() -> None:
    late = [probe(1.05, seconds=0.9), probe(1.10, seconds=0.85)]
    down = [probe(1.15 + number * STEP, Outcome.FAILED) for number in range(16)]
    for first in (1.9, 1.95, 2.0):
        [window] = check_outage([*steady(0, 1), *late, *down, *steady(first + 0.05, 3)]).windows
        assert window.last_good is not None
        assert window.first_good is not None
        assert window.last_good <= window.first_bad <= window.last_bad <= window.first_good
        assert window.seconds >= window.proven == pytest.approx(15 * STEP)
        assert window.seconds >= 1.95 - 1.01
        assert window.seconds == pytest.approx(window.first_good - window.last_good)


def test_a_blocked_reply_before_the_watch_begins_leaves_the_outage_its_beginning() -> None:
    late = probe(1.05, seconds=3)
    down = [probe(1.1 + n * STEP, Outcome.FAILED) for n in range(50)]
    [window] = check_outage([*steady(0, 1), late, *down, *steady(4, 5)], begin=2.0).windows
    assert window.last_good == pytest.approx(1.01)


def test_a_visit_that_takes_its_time_is_no_outage_of_a_probe_that_is_sent_rarely() -> None:
    def visits(seconds: float) -> list[ProbeSample]:
        slow = [probe(10 + n, seconds=seconds - n) for n in range(int(seconds))]
        return [*[probe(n) for n in range(10)], *slow, *[probe(n) for n in range(10 + int(seconds), 30)]]

    assert check_outage(visits(1.9)).windows == ()
    [window] = check_outage(visits(2.5)).windows
    assert window.seconds == pytest.approx(12.01 - 9.01)


def test_one_slow_reply_among_quick_ones_is_none() -> None:
    report = check_outage([*steady(0, 1), probe(1.02, seconds=3), *steady(1.05, 5)])
    assert report.windows == ()


def test_outages_that_cannot_be_distinguished_are_one() -> None:
    flapping = [probe(1.05, Outcome.FAILED), probe(1.1), probe(1.15, Outcome.FAILED), probe(1.2)]
    [window] = check_outage([*steady(0, 1), *flapping, *steady(1.25, 2)]).windows
    assert window.failed == 2
    assert window.seconds == pytest.approx(0.2)


def test_outages_far_apart_are_several() -> None:
    samples = [
        *steady(0, 1),
        probe(1.05, Outcome.FAILED),
        *steady(1.1, 3),
        probe(3.05, Outcome.FAILED),
        *steady(3.1, 4),
    ]
    report = check_outage(samples)
    assert len(report.windows) == 2
    assert report.total == pytest.approx(0.2)


def test_a_limit_of_zero_allows_outages_below_the_resolution() -> None:
    alone = [*steady(0, 1), probe(1.05, Outcome.FAILED), *steady(1.1, 2)]
    assert check_outage(alone, limit=0).ok
    two = [*steady(0, 1), probe(1.05, Outcome.FAILED), probe(1.1, Outcome.UNKNOWN), *steady(1.15, 2)]
    report = check_outage(two, limit=0)
    assert not report.ok
    assert report.excessive[0].proven == pytest.approx(STEP)
    slow = [*steady(0, 1), *[probe(1 + n * STEP, seconds=2 - n * STEP) for n in range(1, 40)], *steady(3, 4)]
    assert not check_outage(slow, limit=0).ok


def test_only_what_is_watched_counts() -> None:
    before = [*steady(0, 1), *[probe(1 + n * STEP, Outcome.FAILED) for n in range(1, 60)]]
    within = [*steady(4, 5), *[probe(5 + n * STEP, Outcome.FAILED) for n in range(1, 40)]]
    after = [*steady(7, 9), *[probe(9 + n * STEP, Outcome.FAILED) for n in range(1, 40)], *steady(11, 12)]
    report = check_outage([*before, *within, *after], begin=4.5, end=6)
    [window] = report.windows
    assert window.last_good == pytest.approx(5.01)
    assert window.first_good == pytest.approx(7.01)
    assert report.failed == 20
    assert check_outage([*before, *within, *after], begin=7.5, end=8.5).windows == ()


def test_an_outage_that_is_there_when_the_watch_begins_has_a_beginning() -> None:
    down = [probe(1 + n * STEP, Outcome.FAILED) for n in range(1, 60)]
    [window] = check_outage([*steady(0, 1), *down, *steady(4, 5)], begin=2.0).windows
    assert window.last_good == pytest.approx(1.01)


def test_columns_give_the_same_result_as_samples() -> None:
    samples = [*steady(0, 1), probe(1.05, Outcome.FAILED, detail="refused"), *steady(1.1, 2)]
    assert check_outage(Series.of(samples)) == check_outage(samples)
