"""The stickiness check."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from testbed.checks import Absence, Span, check_stickiness
from testbed.checks.absences import absences
from testbed.checks.injected_faults import InjectedFault
from testbed.journal import Outcome, RequestSample


def asked(
    at: float, app: str, action: str = "read", *, session: str = "s1", balancer: str = "lb1", cause: str = ""
) -> RequestSample:
    outcome = Outcome.OK if cause in ("", "redirect") else Outcome.FAILED
    return RequestSample(session, "user01", action, balancer, app, at, 0.1, outcome, cause)


ALIVE = [asked(0, "app-1", "log in", cause="redirect"), asked(0.2, "app-1", "log in"), asked(1, "app-1")]
GONE = Absence("app-1", 4.8, 30)
LOST = [*ALIVE, asked(6, "", cause="http-503"), asked(7, "app-2", cause="session-lost")]


def test_a_session_stays_through_a_change_of_balancer() -> None:
    result = check_stickiness([*ALIVE, asked(3, "", balancer="", cause="timeout"), asked(4, "app-1", balancer="lb2")])
    assert result.ok
    [stay] = result.matrix["s1"]
    assert (stay.node, stay.answers, stay.balancers) == ("app-1", 4, frozenset({"lb1", "lb2"}))
    expected = "1 sessions on app-1; 1 stayed on their node through a change of balancer; none moved; none was lost."
    assert result.describe() == expected


def test_a_move_without_a_death_fails() -> None:
    result = check_stickiness([*ALIVE, asked(2, "app-2")])
    assert not result.ok
    [move] = result.uncaused
    assert (move.source, move.target, move.at) == ("app-1", "app-2", 2.1)
    assert "1 without a cause (first: session s1 from app-1 to app-2)" in result.describe()


def test_a_death_moves_its_own_sessions() -> None:
    other = [replace(request, session="s2", app="app-2") for request in ALIVE]
    result = check_stickiness([*LOST, *other, asked(8, "app-2", session="s2")], [GONE])
    assert result.ok
    assert result.interrupted == {"s1"}
    assert result.lost == {"s1": pytest.approx(7.1)}
    [move] = result.moves
    assert move.cause == GONE


def test_a_death_does_not_excuse_another_nodes_session() -> None:
    result = check_stickiness(LOST, [Absence("app-2", 4.8, 30)])
    assert not result.ok
    assert result.uncaused
    assert "lost although their node was reachable: s1" in result.describe()


def test_a_death_does_not_excuse_an_earlier_or_a_later_move() -> None:
    for begins, ends in ((0.1, 0.5), (9.0, 20.0)):
        assert check_stickiness(LOST, [Absence("app-1", begins, ends)]).uncaused


def test_a_node_may_go_at_any_time_between_two_answers() -> None:
    for gone in (Absence("app-1", 1.2), Absence("app-1", 6.9), Absence("app-1", 0.9, 1.0)):
        result = check_stickiness(LOST, [gone])
        assert result.ok, result.describe()
        assert result.interrupted == {"s1"}


def test_a_session_that_survives_its_node_is_suspicious() -> None:
    result = check_stickiness([*ALIVE, asked(7, "app-2")], [GONE])
    assert not result.ok
    assert result.uncaused == ()
    assert "not lost although their node was absent: s1" in result.describe()


def test_a_session_lost_on_a_living_node_fails() -> None:
    result = check_stickiness([*ALIVE, asked(2, "app-1", cause="session-lost")])
    assert not result.ok
    assert result.uncaused == ()


def test_sessions_that_cannot_be_lost_are_not_expected_to_be() -> None:
    silent = ALIVE
    unfinished = [ALIVE[0], asked(6, "app-2", "log in")]
    gone = [*ALIVE, asked(2, "app-1", "log out")]
    leaving = [*ALIVE, asked(6, "app-2", "log out")]
    patient = [*ALIVE, asked(60, "app-1")]
    incomplete = [*ALIVE, asked(6, "app-2", cause="redirect")]
    for requests in (silent, unfinished, gone, leaving, patient, incomplete):
        result = check_stickiness(requests, [GONE])
        assert result.ok, result.describe()
        assert result.interrupted == frozenset()


def test_sessions_in_the_database_roam_and_are_never_lost() -> None:
    roams = [*ALIVE, asked(2, "app-2"), asked(7, "app-2")]
    result = check_stickiness(roams, [GONE], roaming=True)
    assert result.ok, result.describe()
    assert "kept in the database; 1 moves; none was lost" in result.describe()
    lost = check_stickiness(LOST, [GONE], roaming=True)
    assert not lost.ok
    assert "lost although the database has them: s1" in lost.describe()


LB_ERROR = [Span(0, 4.9, "ok"), Span(4.9, 6, "error"), Span(6, inf, "ok")]


def a_fault(name: str, **options: str) -> InjectedFault:
    return InjectedFault("k", name, "app-1", "app:any", tuple(options.items()), 1.5, 1.6, 30.0, 31.0)


@pytest.mark.parametrize(
    "weak",
    [a_fault("loss", share="1%"), a_fault("delay", delay="10ms"), a_fault("rate-limit", rate="1mbit/s"),
     a_fault("process-hang", process="php-worker")],
    ids=lambda fault: fault.name,
)  # fmt: skip
def test_a_fault_that_only_disturbs_a_node_excuses_no_move(weak: InjectedFault) -> None:
    moved = [*ALIVE, asked(20, "app-2")]
    assert check_stickiness(moved, absences(["app-1"], [weak], {}, moved)).uncaused
    # What a balancer was seen to give up is gone all the same.
    given_up = absences(["app-1"], [weak], {("lb1", "member:app-1"): LB_ERROR}, LOST)
    assert check_stickiness(LOST, given_up).uncaused == ()


@pytest.mark.parametrize(
    "strong",
    [a_fault("power-loss"), a_fault("freeze"), a_fault("process-kill", process="apache"),
     a_fault("process-hang", process="apache"), a_fault("process-stop", process="apache")],
    ids=lambda fault: fault.name,
)  # fmt: skip
def test_a_fault_that_takes_a_node_away_excuses_its_moves(strong: InjectedFault) -> None:
    moved = [*ALIVE, asked(20, "app-2"), asked(21, "app-2", cause="session-lost")]
    assert check_stickiness(moved, absences(["app-1"], [strong], {}, moved)).uncaused == ()


def test_a_node_that_was_seen_to_serve_after_its_heal_is_no_excuse() -> None:
    back = [*ALIVE, asked(32, "app-1"), asked(33, "app-1"), asked(35, "app-2")]
    assert check_stickiness(back, absences(["app-1"], [a_fault("freeze")], {}, back)).uncaused
    booting = [*ALIVE, asked(35, "app-2"), asked(36, "app-2", cause="session-lost")]
    assert check_stickiness(booting, absences(["app-1"], [a_fault("freeze")], {}, booting)).uncaused == ()


def test_nothing_asked_proves_nothing() -> None:
    assert not check_stickiness([]).ok
    assert not check_stickiness([asked(1, "", cause="timeout")]).ok
