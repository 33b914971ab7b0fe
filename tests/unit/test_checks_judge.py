"""The verdicts: when a check passes, when it fails, and when it does not know."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from testbed.checks import Status, Verdict, judge, overall_status
from testbed.journal import (
    Alarm,
    Event,
    FaultStep,
    Leftover,
    Mark,
    Outcome,
    ProbeSample,
    RequestSample,
    RunPlan,
    Scan,
    Settled,
    StateChange,
    build_journal,
)

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
END = Mark("run-ends", at=100)


def plan(users: int = 6, **expect: object) -> RunPlan:
    return RunPlan("story", {"load": {"users": users}, "steps": [{"sleep": "5s"}], "expect": expect})


def verdicts(*events: Event) -> Mapping[str, Verdict]:
    return {verdict.check: verdict for verdict in judge(build_journal(events))}


def status(check: str, *events: Event) -> Status | None:
    found = verdicts(*events).get(check)
    return found.status if found else None


def state(at: float, node: str, aspect: str, value: str, error: float = 0.0) -> StateChange:
    return StateChange(node, aspect, value, at, error)


def samples(probe: str, begin: float, end: float, outcome: Outcome = Outcome.OK, detail: str = "") -> list[Event]:
    return [
        ProbeSample(probe, begin + n * 0.1, begin + n * 0.1, begin + n * 0.1 + 0.01, outcome, detail)
        for n in range(round((end - begin) * 10))
    ]


def step(at: float, name: str, node: str = "db1", fault: str = "power-loss", **options: str) -> FaultStep:
    return FaultStep("k", name, fault, node, options=options, at=at)


# --- the run itself ------------------------------------------------------------------------------------


def test_a_run_that_broke_or_did_not_end_is_reported() -> None:
    assert status("run", plan(), END) is None
    assert status("run", plan()) is UNKNOWN
    assert status("run", END) is UNKNOWN
    broke = verdicts(plan(), Mark("run-ends", attrs={"error": "no Docker"}, at=9))["run"]
    assert (broke.status, broke.evidence[0].text) == (FAIL, "no Docker")


def test_what_a_step_waited_for_in_vain_fails_the_run() -> None:
    failed = Mark("step-failed", attrs={"number": "2", "text": "wait for served", "reason": "waited 60 s"}, at=9)
    found = verdicts(plan(), failed, END)["steps"]
    assert found.status is FAIL
    assert "waited 60 s" in found.summary
    assert "steps" not in verdicts(plan(), END)


def test_expectations_that_cannot_be_read_are_reported() -> None:
    unread = verdicts(plan(max_outage={"tcp": "soon"}), END)["run"]
    assert unread.status is UNKNOWN
    assert "max_outage.tcp" in unread.summary


def test_what_is_not_expected_is_not_judged() -> None:
    judged = verdicts(plan(users=0), END)
    assert sorted(judged) == ["alarms", "durability", "healthy", "leftovers", "ownership"]
    assert overall_status([]) is UNKNOWN
    assert overall_status(list(verdicts(plan(users=0), END).values())) is UNKNOWN


# --- outage and stopped --------------------------------------------------------------------------------

DOWN: list[Event] = [
    *samples("tcp", 0, 20),
    *samples("tcp", 20, 23, Outcome.FAILED, detail="refused"),
    *samples("tcp", 23, 40),
]


@pytest.mark.parametrize(
    ("limit", "verdict"), [("5s", PASS), ("2s", FAIL), ("0s", FAIL)],
)  # fmt: skip
def test_outages_are_compared_with_their_limit(limit: str, verdict: Status) -> None:
    assert status("outage", plan(max_outage={"tcp": limit}), Mark("steady", at=10), *DOWN, END) is verdict


def test_the_worst_outage_is_reported_first_and_briefly() -> None:
    other = [
        *samples("sql-write", 0, 12), *samples("sql-write", 12, 14, Outcome.UNKNOWN, "timeout"),
        *samples("sql-write", 14, 40), *samples("webmail", 0, 12), *samples("webmail", 12, 13, Outcome.FAILED),
        *samples("webmail", 13, 40), *samples("https", 0, 40), *samples("sql-read", 0, 40),
    ]  # fmt: skip
    expected = plan(max_outage={"tcp": "9.5s", "sql-write": "1s", "https": "0s"}, must_notice=["sql-read", "sql-write"])
    found = verdicts(expected, Mark("steady", at=10), *DOWN, *other, END)["outage"]
    assert found.summary == (
        "sql-read saw no outage, so the fault had no effect; "
        "sql-write: longest 2.10 s of at most 1 s (1 outage, 0 failed, 20 unknown); "
        "tcp: longest 3.10 s of at most 9.5 s (1 outage, 30 failed, 0 unknown); "
        "webmail: longest 1.10 s, no limit (1 outage, 10 failed, 0 unknown); "
        "https: none of at most 0 s; sql-read: none"
    )
    assert [fact.at for fact in found.evidence] == [12.0, None, 20.0, 12.0]
    assert "timeout" in found.evidence[0].text


def test_only_outages_under_observation_count() -> None:
    expected = plan(max_outage={"tcp": "1s"})
    assert status("outage", expected, Mark("steady", at=30), *DOWN, END) is PASS
    assert status("outage", expected, Mark("steady", at=10), *DOWN, Mark("timeline-done", at=15), END) is PASS
    assert status("outage", expected, Mark("steady", at=10), *DOWN, Mark("timeline-done", at=21), END) is FAIL


def test_an_outage_that_does_not_end_fails_if_all_of_the_run_is_there() -> None:
    events: list[Event] = [plan(max_outage={"tcp": "60s"}), Mark("steady", at=10), *DOWN[:220]]
    assert status("outage", *events, END) is FAIL
    assert status("outage", *events) is UNKNOWN
    assert status("outage", plan(max_outage={"tcp": "1s"}), Mark("steady", at=10), *DOWN[:220]) is FAIL


def test_a_probe_that_did_not_run_proves_nothing() -> None:
    assert status("outage", plan(max_outage={"https": "5s"}), Mark("steady", at=10), *DOWN, END) is UNKNOWN
    assert status("outage", plan(max_outage={"tcp": "20s"}), *samples("tcp", 0, 9, Outcome.FAILED)) is UNKNOWN


def test_a_probe_of_must_notice_must_see_an_outage() -> None:
    assert status("outage", plan(must_notice=["tcp"]), Mark("steady", at=10), *DOWN, END) is PASS
    assert status("outage", plan(must_notice=["tcp"]), Mark("steady", at=30), *DOWN, END) is FAIL
    assert status("outage", plan(must_notice=["tcp"]), Mark("steady", at=30), *DOWN) is UNKNOWN


def test_service_must_stop_from_the_last_fault_to_the_first_heal() -> None:
    expected = plan(no_service_until_heal=["tcp"])
    assert status("no-service", expected, *DOWN, step(19.95, "injected"), step(22.9, "heal")) is PASS
    assert status("no-service", expected, *DOWN, step(19.95, "injected"), step(25, "heal")) is FAIL
    assert status("no-service", expected, *DOWN, step(50, "injected")) is UNKNOWN
    assert status("no-service", expected, *DOWN) is UNKNOWN
    assert status("no-service", expected, step(19.95, "injected"), step(22.9, "heal")) is UNKNOWN


# --- ownership and owner -------------------------------------------------------------------------------

HELD: list[Event] = [
    state(0, "lb1", "site-address", "held"),
    state(0, "db1", "database-address", "held"),
    state(0, "db1", "drbd-role", "Primary"),
]


def test_one_owner_at_a_time() -> None:
    passed: list[Event] = [state(20, "db1", "drbd-role", "Secondary"), state(20.1, "db2", "drbd-role", "Primary")]
    assert status("ownership", plan(), *HELD, *passed, END) is PASS
    both = verdicts(plan(), *HELD, state(20, "db2", "drbd-role", "Primary"), END)["ownership"]
    assert both.status is FAIL
    assert "db1 and db2 at once, to the end" in both.summary
    assert both.evidence[0].at == 20
    assert status("ownership", plan(), END) is UNKNOWN


def test_two_owners_within_the_error_of_measuring_are_none() -> None:
    for error, verdict in ((0.0, FAIL), (0.3, PASS)):
        passed: list[Event] = [
            state(20.5, "db1", "drbd-role", "Secondary"),
            state(20, "db2", "drbd-role", "Primary", error),
        ]
        assert status("ownership", plan(), *HELD, *passed, END) is verdict


def test_what_was_found_at_the_begin_may_be_as_uncertain_as_it_likes() -> None:
    found = [state(0, "db1", "drbd-role", "Primary", 5.0), *HELD[:2], state(20, "db2", "drbd-role", "Primary")]
    assert status("ownership", plan(), *found, state(21, "db1", "drbd-role", "Secondary"), END) is FAIL


def test_two_owners_up_to_where_the_journal_ends_may_be_one() -> None:
    assert status("ownership", plan(), *HELD, state(20, "db2", "drbd-role", "Primary")) is UNKNOWN


def test_a_node_that_is_off_holds_nothing() -> None:
    off: list[Event] = [state(19, "db1", "power", "off"), state(20, "db2", "drbd-role", "Primary")]
    assert status("ownership", plan(), *HELD, *off, END) is PASS


def test_a_frozen_node_holds_nothing_until_it_thaws() -> None:
    frozen: list[Event] = [state(19, "db1", "power", "frozen"), state(20, "db2", "drbd-role", "Primary")]
    quiet = verdicts(plan(), *HELD, *frozen, state(39.9, "db1", "drbd-role", "Secondary"), END)["ownership"]
    assert quiet.status is PASS
    thawed: list[Event] = [state(40, "db1", "power", "on"), state(41, "db1", "drbd-role", "Secondary")]
    both = verdicts(plan(), *HELD, *frozen, *thawed, END)["ownership"]
    assert both.status is FAIL
    assert "for 1.00 s" in both.summary
    assert both.evidence[0].at == 40


@pytest.mark.parametrize(
    ("options", "verdict"), [({}, PASS), ({"network": "backend,replication"}, PASS), ({"network": "replication"}, FAIL)]
)
def test_a_node_that_nobody_reaches_holds_nothing(options: dict[str, str], verdict: Status) -> None:
    cut: list[Event] = [
        step(19, "inject", fault="cable-pull", **options),
        step(20, "injected", fault="cable-pull", **options),
        state(23, "db2", "drbd-role", "Primary"),
        state(30, "db1", "drbd-role", "Secondary"),
        step(40, "heal", fault="cable-pull", **options),
        step(41, "healed", fault="cable-pull", **options),
    ]
    found = verdicts(plan(), *HELD, *cut, END)["ownership"]
    assert found.status is verdict
    # Two holders at once are always reported, also when the verdict allows them.
    assert any("db1 and db2 at once, for 7.00 s" in each.text for each in found.evidence)


def write(at: float, database: str, until: float | None = None) -> ProbeSample:
    return ProbeSample(
        "sql-write", at, at, until or at + 0.01, Outcome.OK, token=f"t-{at}", attrs={"database": database}
    )


def test_writes_go_over_to_another_node_only_with_its_promotion() -> None:
    moved: list[Event] = [state(20, "db1", "drbd-role", "Secondary"), state(23, "db2", "drbd-role", "Primary")]
    calm: list[Event] = [write(10, "db1"), write(19, "db1"), write(25, "db2"), write(26, "db2")]
    assert status("ownership", plan(), *HELD, *moved, *calm, END) is PASS
    assert status("ownership", plan(), *HELD, *moved, *calm, write(27, "db1"), write(28, "db2"), END) is FAIL
    assert status("ownership", plan(), *HELD, *moved, *calm, write(12, "db2"), END) is FAIL
    # Sent before the freeze, acknowledged after the thaw.
    assert status("ownership", plan(), *HELD, *moved, *calm, write(19.5, "db1", 25.5), END) is FAIL


def test_a_split_brain_is_reported() -> None:
    apart: list[Event] = [
        *(state(0, node, "drbd-connection", "Connected") for node in ("db1", "db2")),
        *(state(18, node, "drbd-connection", "WFConnection") for node in ("db1", "db2")),
    ]
    alone = state(50, "db1", "drbd-connection", "StandAlone")
    moved: list[Event] = [state(22, "db1", "drbd-role", "Secondary"), state(23, "db2", "drbd-role", "Primary")]
    judged = verdicts(plan(), *HELD, *apart, *moved, alone, END)["ownership"]
    assert judged.status is FAIL
    assert "split brain: db1 and db2" in judged.summary
    assert status("ownership", plan(), *HELD, *apart, alone, END) is PASS
    earlier: list[Event] = [state(10, "db1", "drbd-role", "Secondary"), state(11, "db2", "drbd-role", "Primary")]
    assert status("ownership", plan(), *HELD, *apart, *earlier, alone, END) is PASS


@pytest.mark.parametrize(
    ("wanted", "moves", "verdict"),
    [("unchanged", False, PASS), ("unchanged", True, FAIL), ("moved", True, PASS), ("moved", False, FAIL)],
)
def test_who_holds_the_address_at_the_end(wanted: str, moves: bool, verdict: Status) -> None:
    moved: list[Event] = [state(20, "db1", "database-address", "none"), state(23, "db2", "database-address", "held")]
    events: list[Event] = [
        plan(address_owner={"database": wanted}),
        Mark("steady", at=5),
        *HELD,
        *(moved if moves else []),
    ]
    assert status("address-owner", *events, Mark("timeline-done", at=60), END) is verdict
    assert status("address-owner", *events) is UNKNOWN
    assert status("address-owner", *events, Mark("timeline-done", at=21), END) is (FAIL if moves else verdict)


# --- stickiness, durability, logins --------------------------------------------------------------------


def asked(at: float, app: str, action: str = "read", *, cause: str = "", session: str = "s") -> RequestSample:
    outcome = Outcome.OK if cause in ("", "redirect", "unfinished") else Outcome.FAILED
    return RequestSample(session, "user01", action, "lb1", app, at, 0.1, outcome, cause)


MOVED: list[Event] = [asked(1, "app-1", "log in"), asked(15, "app-1"), asked(30, "app-2", cause="session-lost")]


@pytest.mark.parametrize(
    "cause",
    [
        [step(20, "inject", "app-1"), step(40, "healed", "app-1")],
        [step(20, "inject", "app-1", "freeze")],
        [state(20, "app-1", "power", "off")],
        [state(20, "app-1", "power", "frozen"), state(28, "app-1", "power", "on")],
        [state(20, "app-1", "power", "reset")],
        [state(20, "lb1", "member:app-1", "error"), state(33, "lb1", "member:app-1", "ok")],
    ],
)
def test_causes_of_moves_are_found_in_the_journal(cause: list[Event]) -> None:
    found = verdicts(plan(must_affect_sessions=True), *MOVED, *cause, END)["stickiness"]
    assert found.status is PASS, found.summary
    assert "app-1" in found.evidence[0].text


@pytest.mark.parametrize(
    "cause",
    [
        [],
        [step(20, "inject", "app-2")],
        [step(31, "inject", "app-1")],
        [state(20, "lb1", "member:app-2", "error")],
        [state(20, "lb1", "member:app-1", "ok")],
        [step(1, "inject", "app-1"), step(3, "healed", "app-1")],
    ],
)
def test_what_is_no_cause_excuses_nothing(cause: list[Event]) -> None:
    assert status("stickiness", plan(), *MOVED, *cause, END) is FAIL


def test_more_sessions_lost_than_expected_fail_whatever_the_cause() -> None:
    given_up = [state(20, "lb1", "member:app-1", "error"), state(33, "lb1", "member:app-1", "ok")]
    assert status("stickiness", plan(max_lost_sessions=1), *MOVED, *given_up, END) is PASS
    found = verdicts(plan(max_lost_sessions=0), *MOVED, *given_up, END)["stickiness"]
    assert found.status is FAIL
    assert "lost sessions: 1, expected at most 0" in [each.text for each in found.evidence]


def test_a_run_in_which_no_node_died_does_not_prove_what_a_death_was_to_show() -> None:
    assert status("stickiness", plan(), *MOVED[:2], END) is PASS
    assert status("stickiness", plan(must_affect_sessions=True), *MOVED[:2], END) is UNKNOWN
    assert status("stickiness", plan(), END) is UNKNOWN
    assert status("stickiness", plan(users=0), END) is None


def test_a_custom_test_gets_no_verdict_about_what_it_did_not_do() -> None:
    judged = verdicts(RunPlan("test", {}), *HELD, END)
    assert {check: verdict.status for check, verdict in judged.items()} == {
        "ownership": PASS, "alarms": PASS, "healthy": PASS, "leftovers": PASS,
    }  # fmt: skip


def test_a_session_that_may_have_been_lost_after_the_journals_end() -> None:
    survived: list[Event] = [*MOVED[:2], asked(30, "app-2"), step(20, "inject", "app-1")]
    assert status("stickiness", plan(), *survived, END) is FAIL
    assert status("stickiness", plan(), *survived) is UNKNOWN


def test_durability_needs_the_table_to_be_read_back() -> None:
    events: list[Event] = [plan(), write(1, "db1"), write(2, "db1"), Settled("t-1", 1), Settled("t-2", 1)]
    settled = Mark("settled", at=50)
    assert status("durability", *events, settled, END) is PASS
    assert status("durability", *events, END) is UNKNOWN
    assert status("durability", *events[:-1], settled, END) is UNKNOWN
    lost = verdicts(*events, Settled("t-2", 0), settled, END)["durability"]
    assert lost.status is FAIL
    assert lost.evidence[0].at is not None
    assert status("durability", plan(), settled, END) is UNKNOWN


def test_logins_that_failed_are_counted() -> None:
    steady = Mark("steady", at=5)
    good: list[Event] = [asked(9, "app-1", "log in", cause="redirect"), asked(10, "app-1", "log in")]
    bad: list[Event] = [
        asked(11, "app-1", "log in", cause="login-failed"),
        asked(12, "app-1", "log in", cause="http-503"),
    ]
    early = asked(1, "app-1", "log in", cause="http-503")
    assert status("logins", plan(max_failed_logins=0), steady, early, *good, END) is PASS
    assert status("logins", plan(max_failed_logins=1), steady, *good, *bad, END) is FAIL
    assert status("logins", plan(max_failed_logins=2), steady, *good, *bad, END) is PASS
    assert status("logins", plan(max_failed_logins=2), steady, *good, *bad) is UNKNOWN
    assert status("logins", plan(max_failed_logins=0), steady, END) is UNKNOWN
    assert status("logins", plan(max_failed_logins=0), steady, early, END) is UNKNOWN
    assert status("logins", plan(), steady, *bad, END) is None


# --- failback ------------------------------------------------------------------------------------------

SERVED_BY_PEER: list[Event] = [
    Mark("steady", at=1), state(0, "lb1", "site-address", "held"), step(20, "inject", "lb1", "silent-cut"),
    state(24, "lb2", "site-address", "held"), step(40, "heal", "lb1", "silent-cut"),
]  # fmt: skip
DONE: list[Event] = [Mark("timeline-done", at=90), END]


def test_what_returns_takes_nothing_over() -> None:
    events: list[Event] = [
        plan(max_outage_after_heal={"tcp": "2s"}, no_failback=True),
        *SERVED_BY_PEER,
        *samples("tcp", 0, 100),
    ]
    gives_way = state(41, "lb1", "site-address", "none")
    assert status("failback", *events, gives_way, *DONE) is PASS
    assert status("failback", *events, gives_way) is UNKNOWN
    assert status("failback", *events, state(41, "lb2", "site-address", "none"), *DONE) is FAIL
    assert status("failback", *events, gives_way, state(60, "lb1", "site-address", "held"), *DONE) is FAIL
    assert "went from lb2 to lb1" in (
        verdicts(*events, gives_way, state(60, "lb1", "site-address", "held"), *DONE)["failback"].summary
    )
    after = state(95, "lb1", "site-address", "held")
    assert status("failback", *events, gives_way, after, *DONE) is PASS, "a move after the last step does not count"


def test_nobody_feels_the_return() -> None:
    def seen(begin: float, end: float) -> list[Event]:
        return [
            plan(max_outage_after_heal={"tcp": "2s"}, no_failback=True), *SERVED_BY_PEER,
            state(41, "lb1", "site-address", "none"),
            *samples("tcp", 0, begin), *samples("tcp", begin, end, Outcome.FAILED), *samples("tcp", end, 100),
        ]  # fmt: skip

    assert status("failback", *seen(50, 51), *DONE) is PASS
    assert status("failback", *seen(50, 55), *DONE) is FAIL
    assert status("failback", *seen(20, 25), *DONE) is PASS, "the fault's outage is not the return's"
    assert status("failback", *seen(35, 45), *DONE) is PASS, "nor is one that had begun before"


def test_an_address_that_moves_and_an_outage_are_asked_for_separately() -> None:
    moved = [*SERVED_BY_PEER, state(41, "lb1", "site-address", "none"), state(60, "lb1", "site-address", "held")]
    good, bad = samples("tcp", 0, 100), [*samples("tcp", 0, 50), *samples("tcp", 50, 55, Outcome.FAILED)]
    bad += samples("tcp", 55, 100)
    limit = {"tcp": "2s"}
    assert status("failback", plan(max_outage_after_heal=limit), *moved, *good, *DONE) is PASS
    assert status("failback", plan(no_failback=True), *moved, *good, *DONE) is FAIL
    assert status("failback", plan(max_outage_after_heal=limit), *SERVED_BY_PEER, *bad, *DONE) is FAIL
    assert status("failback", plan(no_failback=True), *moved[:-1], *bad, *DONE) is PASS
    assert status("failback", plan(), *moved, *bad, *DONE) is None


@pytest.mark.parametrize("operation", ["resign", "drain"])
def test_an_operation_after_the_heal_is_not_the_fault_that_the_heal_ends(operation: str) -> None:
    def steps(at: float) -> list[Event]:
        return [FaultStep("o", name, operation, "lb2", at=at) for name in ("inject", "injected", "heal", "healed")]

    gives_way = state(41, "lb1", "site-address", "none")
    asked = plan(max_outage_after_heal={"tcp": "2s"}, no_failback=True)
    assert status("failback", asked, *SERVED_BY_PEER, gives_way, *steps(70), *samples("tcp", 0, 100), *DONE) is PASS
    expected = plan(no_service_until_heal=["tcp"])
    events: list[Event] = [*DOWN, step(19.95, "injected"), *steps(21), step(25, "heal")]
    assert status("no-service", expected, *events) is FAIL, "it answers from 23 s on, and the fault is healed at 25 s"


def test_a_return_that_was_none_proves_nothing() -> None:
    asked = plan(max_outage_after_heal={"tcp": "2s"}, no_failback=True)
    assert status("failback", asked, *SERVED_BY_PEER[:-1], *samples("tcp", 0, 100), *DONE) is UNKNOWN
    assert status("failback", asked, *SERVED_BY_PEER, *DONE) is UNKNOWN
    nobody = [state(30, "lb1", "site-address", "none"), state(30, "lb2", "site-address", "none")]
    assert status("failback", asked, *SERVED_BY_PEER, *nobody, *samples("tcp", 0, 100), *DONE) is UNKNOWN


# --- rejoin, isolation, alarms, leftovers --------------------------------------------------------------

WHOLE: list[Event] = [
    state(0, "db2", "drbd-connection", "Connected"),
    state(0, "db2", "drbd-disk", "UpToDate"),
    state(0, "lb1", "member:app-1", "ok"),
]


def test_the_cluster_must_be_whole_soon_after_the_last_heal() -> None:
    parted: list[Event] = [
        state(20, "db2", "drbd-connection", "WFConnection"),
        state(35, "db2", "drbd-connection", "Connected"),
    ]
    events: list[Event] = [plan(max_recovery="10s"), *WHOLE, *parted, step(15, "inject")]
    assert status("recovery", *events, step(30, "heal"), END) is PASS
    assert status("recovery", *events, step(24, "heal"), END) is FAIL
    assert "after the last heal" in verdicts(*events, step(30, "heal"), END)["recovery"].summary
    assert (
        verdicts(*events, step(60, "heal"), END)["recovery"].summary
        == "healthy already at the last heal; 10s after it allowed"
    )
    assert status("recovery", *events, step(30, "heal")) is UNKNOWN
    assert status("recovery", *events, END) is UNKNOWN
    assert status("recovery", plan(max_recovery="10s"), step(30, "heal"), END) is UNKNOWN


@pytest.mark.parametrize(
    "broken",
    [
        state(40, "db2", "drbd-connection", "StandAlone"),
        state(40, "db2", "drbd-disk", "Inconsistent"),
        state(40, "lb1", "member:app-1", "error"),
        state(40, "db2", "power", "off"),
    ],
)
def test_what_is_broken_at_the_end_has_not_rejoined(broken: StateChange) -> None:
    assert status("recovery", plan(max_recovery="10s"), *WHOLE, step(30, "heal"), broken, END) is FAIL
    assert status("recovery", plan(max_recovery="10s"), *WHOLE, step(30, "heal"), broken) is UNKNOWN


def test_isolation_is_proved_by_a_scan_that_sees() -> None:
    site = Scan("public", "site", "198.18.0.20", 65535, (80, 443), (80, 443))
    inner = Scan("public", "db1", "198.18.1.21", 65535, ())
    assert status("isolation", plan(), END) is None
    assert status("isolation", plan(isolation=True), END) is UNKNOWN
    assert status("isolation", plan(isolation=True), inner, END) is UNKNOWN
    assert status("isolation", plan(isolation=True), site, inner, END) is PASS
    opened = Scan("public", "db1", "198.18.1.21", 65535, (5432,))
    found = verdicts(plan(), site, opened, END)["isolation"]
    assert found.status is FAIL
    assert "port 5432 is open" in found.evidence[0].text


def test_alarms_fail_unless_they_are_expected() -> None:
    crash = Alarm("app-1", "crash", "segfault", 5)
    assert status("alarms", plan(), *HELD, END) is PASS
    assert status("alarms", plan(), END) is UNKNOWN
    assert status("alarms", plan(), *HELD, crash, END) is FAIL
    assert status("alarms", plan(allow_alarms=["crash"]), *HELD, crash, END) is PASS
    assert status("alarms", plan(allow_alarms=["traceback"]), *HELD, crash, END) is FAIL


def test_leftovers() -> None:
    assert status("leftovers", plan(), END) is PASS
    assert status("leftovers", plan()) is UNKNOWN
    assert status("leftovers", plan(), Leftover("core", "app-1", "/core"), END) is FAIL


def test_phases_are_reported_when_there_was_a_failover() -> None:
    moved: list[Event] = [step(20, "inject"), state(23, "db2", "database-address", "held")]
    assert status("phases", plan(), *HELD, END) is None
    assert status("phases", plan(), *HELD, *moved, END) is PASS
    gone: list[Event] = [*samples("sql-write", 0, 20), *samples("sql-write", 20, 40, Outcome.FAILED)]
    assert status("phases", plan(), *HELD, *moved, *gone, END) is FAIL
    assert status("phases", plan(), *HELD, *moved, *gone) is UNKNOWN
    assert status("phases", plan(no_service_until_heal=["sql-write"]), *HELD, *moved, *gone, END) is PASS


@pytest.mark.parametrize(
    ("tried", "holder", "expected"),
    [(None, "lb1", PASS), ("lb1", "lb1", UNKNOWN), ("lb1", "lb2", PASS), ("lb2", "lb1", PASS)],
)
def test_a_member_that_testbed_itself_had_tried_has_not_rejoined_by_itself(
    tried: str | None, holder: str, expected: Status
) -> None:
    events: list[Event] = [
        plan(max_recovery="30s"), state(1, holder, "site-address", "held"), state(1, "lb1", "member:app-1", "ok"),
        step(10, "inject", "app-1"), step(10, "injected", "app-1"), state(12, "lb1", "member:app-1", "error"),
        step(20, "heal", "app-1"), step(21, "healed", "app-1"), state(25, "lb1", "member:app-1", "ok"),
    ]  # fmt: skip
    if tried:
        events.append(Mark("member-tried", tried, {"member": "app-1"}, at=24.5))
    verdict = verdicts(*events, END)["recovery"]
    assert verdict.status is expected
    assert any("request of testbed" in each.text for each in verdict.evidence) is (tried == "lb1")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ((), FAIL),
        ((Mark("kept", at=60),), UNKNOWN),
        ((Mark("settled", at=70), Settled("t-1", 1)), PASS),
    ],
    ids=["unreadable", "the faults were kept", "read in the end"],
)
def test_a_table_that_cannot_be_read_back_fails_durability(more: tuple[Event, ...], expected: Status) -> None:
    attrs = {"reason": "invalid page in block 7", "at-rest": "yes", "seconds": "90"}
    write = ProbeSample("sql-write", 1.0, 1.0, 1.1, Outcome.OK, token="t-1")
    assert status("durability", plan(), write, Mark("unreadable", attrs=attrs, at=65), *more, END) is expected


def test_a_table_that_is_not_at_rest_is_unknown() -> None:
    attrs = {"reason": "3 writers are still connected", "at-rest": "no", "seconds": "90"}
    write = ProbeSample("sql-write", 1.0, 1.0, 1.1, Outcome.OK, token="t-1")
    assert status("durability", plan(), write, Mark("unreadable", attrs=attrs, at=65), END) is UNKNOWN
