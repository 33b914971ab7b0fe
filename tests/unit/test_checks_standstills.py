"""A prober that stood still: what it did not measure is unknown, and real outages are judged all the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from testbed.checks import Status, Verdict, failovers, judge
from testbed.checks.outage import outage_of
from testbed.checks.standstills import standstills
from testbed.journal import Event, FaultStep, Mark, Opening, Outcome, ProbeSample, RequestSample, RunPlan, StateChange
from testbed.journal.journal import Journal, build_journal

STEP = 0.05
OUTSTANDING = 20
SITE, DATABASE = ("tcp", "https"), ("sql-read",)
OPENINGS = [
    Opening("probes", 1, {"probes": "tcp https webmail"}, 0.0, 0.0),
    Opening("probes", 1, {"probes": "sql-read sql-write"}, 0.0, 0.0),
]


def probed(
    probe: str,
    *,
    paused: tuple[float, float] = (0, 0),
    away: tuple[float, float] = (0, 0),
    end: float = 40.0,
    detail: str = "timeout",
) -> Iterator[ProbeSample]:
    """An open loop whose process is paused for a time, at a site that is away for another."""
    burst = 0
    for number in range(round(end / STEP)):
        due = number * STEP
        started = paused[1] if paused[0] <= due < paused[1] else due
        if started > due:
            burst += 1
            if burst > OUTSTANDING:
                yield ProbeSample(probe, due, started, started, Outcome.FAILED, "not sent: 20 still unanswered")
                continue
        good = not away[0] <= started < away[1]
        finished = started + (0.01 if good else 0.9)
        if paused[0] <= finished < paused[1]:  # its answer, or its time limit, is seen when the process goes on
            finished, good = paused[1], False
        outcome, why = (Outcome.OK, "") if good else (Outcome.FAILED, detail)
        yield ProbeSample(probe, due, started, finished, outcome, why)


def run(
    *,
    paused: tuple[float, float] = (0, 0),
    away: tuple[float, float] = (0, 0),
    expect: Mapping[str, object],
    more: tuple[Event, ...] = (),
    detail: str = "timeout",
) -> Journal:
    """A run whose client container is paused; the observer's is not."""
    plan = RunPlan("story", {"load": {"users": 0}, "steps": [{"sleep": "5s"}], "expect": expect})
    samples = [sample for probe in SITE for sample in probed(probe, paused=paused, away=away, detail=detail)]
    samples += [sample for probe in DATABASE for sample in probed(probe, away=away)]
    marks = [Mark("steady", at=2.0), Mark("timeline-done", at=38.0), Mark("run-ends", at=40.0)]
    return build_journal([plan, *samples, *marks, *more], OPENINGS)


def outage(journal: Journal) -> Verdict:
    [verdict] = [each for each in judge(journal) if each.check == "outage"]
    return verdict


@pytest.mark.parametrize("limit", ["0s", "3s"])
def test_a_paused_prober_leaves_the_outage_unknown_and_gives_the_reason(limit: str) -> None:
    verdict = outage(run(paused=(10, 14), expect={"max_outage": dict.fromkeys(SITE, limit)}))
    assert verdict.status is Status.UNKNOWN
    assert "tcp" in verdict.summary
    assert "the prober itself stood still for 4.0" in verdict.summary
    assert verdict.evidence[0].at == pytest.approx(10, abs=2 * STEP)


@pytest.mark.parametrize(
    ("end", "length"), [(14.0, "had no network for 5."), (99.0, "had no network to the end of the run")]
)
def test_a_prober_without_a_network_leaves_the_outage_unknown(end: float, length: str) -> None:
    expect = {"max_outage": dict.fromkeys(SITE, "0s")}
    verdict = outage(run(away=(10, end), expect=expect, detail="no connection: Network is unreachable"))
    assert verdict.status is Status.UNKNOWN
    assert length in verdict.summary


def test_probes_of_another_container_are_judged() -> None:
    assert outage(run(paused=(10, 14), expect={"max_outage": {"sql-read": "0s"}})).status is Status.PASS


def test_a_pause_that_can_hide_no_outage_longer_than_allowed_is_reported_and_passes() -> None:
    verdict = outage(run(paused=(10, 14), expect={"max_outage": {"tcp": "8s"}}))
    assert verdict.status is Status.PASS
    assert "stood still" in verdict.summary


@pytest.mark.parametrize("away", [(3, 8), (20, 25), (5, 10), (14, 19.5)])
def test_a_real_outage_before_or_after_the_pause_fails(away: tuple[float, float]) -> None:
    verdict = outage(run(paused=(10, 14), away=away, expect={"max_outage": {"tcp": "3s"}}))
    assert verdict.status is Status.FAIL


def test_an_outage_that_lasts_longer_than_allowed_on_one_side_of_the_pause_fails() -> None:
    assert outage(run(paused=(10, 12), away=(9, 19), expect={"max_outage": {"tcp": "4s"}})).status is Status.FAIL


def test_an_outage_that_is_too_long_with_the_pause_only_is_unknown() -> None:
    verdict = outage(run(paused=(10, 14), away=(9, 16), expect={"max_outage": {"tcp": "4s"}}))
    assert verdict.status is Status.UNKNOWN
    assert "the prober itself stood still" in verdict.evidence[0].text


@pytest.mark.parametrize(("away", "status"), [((20, 20.5), Status.FAIL), ((30, 30.04), Status.PASS)])
def test_where_no_outage_is_allowed_what_was_seen_counts(away: tuple[float, float], status: Status) -> None:
    assert outage(run(away=away, expect={"max_outage": {"tcp": "0s"}})).status is status


def test_a_pause_of_the_prober_does_not_count_as_noticing_the_fault() -> None:
    assert outage(run(paused=(10, 14), expect={"must_notice": ["tcp"]})).status is Status.UNKNOWN
    assert outage(run(expect={"must_notice": ["tcp"]})).status is Status.FAIL
    assert outage(run(paused=(10, 14), away=(20, 25), expect={"must_notice": ["tcp"]})).status is Status.PASS


def test_a_return_is_unknown_when_the_prober_stood_still_after_the_heal() -> None:
    steps = [(4, "inject"), (4, "injected"), (6, "heal"), (7, "healed")]
    fault = tuple(FaultStep("k", name, "freeze", "db2", at=at) for at, name in steps)
    held = tuple(
        StateChange(node, f"{what}-address", "held", 0) for node, what in (("lb1", "site"), ("db1", "database"))
    )
    journal = run(
        paused=(10, 14), expect={"max_outage_after_heal": {"tcp": "1s"}, "no_failback": True}, more=(*fault, *held)
    )
    [verdict] = [each for each in judge(journal) if each.check == "failback"]
    assert verdict.status is Status.UNKNOWN
    assert "stood still" in verdict.summary


def test_phases_that_a_standstill_hides_are_not_reported() -> None:
    def story(paused: tuple[float, float]) -> Journal:
        more: tuple[Event, ...] = (
            FaultStep("k", "inject", "power-loss", "lb1", at=9.0),
            StateChange("lb1", "site-address", "held", 0),
            StateChange("lb1", "site-address", "none", 9.1),
            StateChange("lb2", "site-address", "held", 11.0),
        )
        return run(paused=paused, away=(9, 12), expect={}, more=more)

    [seen] = failovers(story((0, 0)))
    assert seen.seconds["first page"] == pytest.approx(3, abs=0.2)
    [unsure] = failovers(story((11, 15)))
    assert "first page" not in unsure.seconds
    assert unsure.seconds["last good reply"] == pytest.approx(0, abs=0.2)
    [verdict] = [each for each in judge(story((11, 15))) if each.check == "phases"]
    assert verdict.status is Status.UNKNOWN
    assert "the prober itself stood still" in verdict.summary


def test_logins_that_fail_while_the_clients_stand_still_are_no_proof() -> None:
    def login(at: float) -> RequestSample:
        return RequestSample("s1", "user01", "log in", "lb1", "app-1", at, 4.5, Outcome.UNKNOWN, "timeout")

    def status(at: float) -> Status:
        good = RequestSample("s2", "user02", "log in", "lb1", "app-1", 20.0, 0.1, Outcome.OK)
        journal = run(paused=(10, 14), expect={"max_failed_logins": 0}, more=(login(at), good))
        return next(each.status for each in judge(journal) if each.check == "logins")

    assert status(9.8) is Status.UNKNOWN
    assert status(25.0) is Status.FAIL


def test_the_standstill_is_found_where_it_was() -> None:
    found = standstills(run(paused=(10, 14), expect={}))
    assert found["sql-read"] == ()
    assert found["tcp"] == found["https"]
    [stop] = found["tcp"]
    assert stop.begin == pytest.approx(10, abs=STEP)
    assert 14 <= stop.end <= 15.1


def test_a_busy_prober_that_is_a_little_late_stood_not_still() -> None:
    journal = run(paused=(10, 10.4), expect={})
    assert standstills(journal)["tcp"] == ()
    assert outage_of(journal, "tcp").unmeasured == ""


def test_two_pauses_are_two_standstills() -> None:
    once = run(paused=(10, 14), expect={})
    again = run(paused=(20, 22), expect={})
    both = build_journal([*list(once.probes["tcp"])[:360], *list(again.probes["tcp"])[360:]], OPENINGS)
    assert [round(stop.begin) for stop in standstills(both)["tcp"]] == [10, 20]
    report = outage_of(both, "tcp", limit=3)
    assert len(report.hidden) == 2
    assert [round(window.seconds, 1) for window in report.possible] == [pytest.approx(4, abs=0.2)]
