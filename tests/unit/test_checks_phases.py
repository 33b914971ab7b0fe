"""The phases of failovers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from testbed.checks import Phases, failovers
from testbed.journal import Event, FaultStep, Outcome, ProbeSample, StateChange, build_journal

FAULT = 100.0


def state(at: float, node: str, aspect: str, value: str) -> StateChange:
    return StateChange(node, aspect, value, at)


def step(at: float, name: str, *, node: str = "db1", key: str = "k") -> FaultStep:
    return FaultStep(key, name, "power-loss", node, at=at)


BEFORE: list[Event] = [
    state(1, "db1", "database-address", "held"),
    state(1, "db1", "drbd-role", "Primary"),
    state(1, "db2", "database-address", "none"),
    state(1, "lb1", "site-address", "held"),
]
TAKEOVER: list[Event] = [
    step(FAULT, "inject"),
    state(100.1, "db1", "power", "off"),
    state(103.5, "db2", "carp", "master"),
    state(103.6, "db2", "database-address", "held"),
    state(103.75, "db2", "drbd-role", "Primary"),
    state(104.0, "db2", "mount", "mounted"),
    state(105.0, "db2", "postgres", "accepting"),
]


def probe(name: str, last_good: float, first_good: float | None) -> list[Event]:
    good = [90.0, last_good, *([first_good, 130.0] if first_good else [])]
    middle = last_good + 1
    samples: list[Event] = [ProbeSample(name, at, at, at, Outcome.OK) for at in good]
    return [*samples, ProbeSample(name, middle, middle, middle, Outcome.FAILED)]


def found(*events: Event) -> list[Phases]:
    return failovers(build_journal(events))


def test_all_phases_of_a_failover() -> None:
    [phases] = found(*BEFORE, *TAKEOVER, *probe("sql-write", 99.9, 105.5), *probe("webmail", 99.8, 106.5))
    assert phases.ok
    assert (phases.resource, phases.source, phases.target) == ("database", "db1", "db2")
    assert phases.fault is not None
    assert phases.fault.node == "db1"
    assert not phases.healing
    assert dict(phases.rows()) == {
        "last good reply": pytest.approx(-0.1),
        "carp master": pytest.approx(3.5),
        "address claimed": pytest.approx(3.6),
        "drbd primary": pytest.approx(3.75),
        "mounted": pytest.approx(4.0),
        "postgres accepting": pytest.approx(5.0),
        "first write": pytest.approx(5.5),
        "first page": pytest.approx(6.5),
    }
    assert phases.title == "database from db1 to db2 after power-loss on db1"
    assert "first write +5.50 s" in phases.describe()
    assert phases.short_summary() == (
        "database from db1 to db2 after power-loss on db1: "
        "address claimed +3.60 s, first write +5.50 s, first page +6.50 s."
    )
    [phases] = found(*BEFORE, *TAKEOVER, *probe("sql-write", 99.999, 105.5))
    assert "last good reply +0.00 s" in phases.describe()


def test_a_state_that_the_node_had_all_the_time_is_no_phase() -> None:
    """A standby's server accepts connections already, and starts again much later, after another fault."""
    later = [state(200, "db2", "postgres", "stopped"), state(210, "db2", "postgres", "accepting")]
    standby = [state(1, "db2", "postgres", "accepting")]
    [phases] = found(*BEFORE, *standby, *TAKEOVER[:-1], *later, *probe("sql-write", 99.9, 105.5))
    assert phases.ok
    assert dict(phases.rows())["postgres accepting"] is None


def test_a_page_is_the_webmails_or_else_any() -> None:
    site: list[Event] = [step(FAULT, "inject", node="lb1"), state(103.5, "lb2", "site-address", "held")]
    [phases] = found(*BEFORE, *site, *probe("https", 99.9, 104.0), *probe("tcp", 99.7, 103.6))
    assert phases.seconds["first page"] == pytest.approx(4.0)
    assert phases.ok
    assert dict(phases.rows())["first write"] is None


def every(name: str, interval: float, last_good: float, first_good: float) -> list[Event]:
    """Samples every so often, until they fail and again after."""
    before = [last_good - interval * number for number in range(20)]
    between = [last_good + interval * number for number in range(1, int((first_good - last_good) / interval))]
    after = [first_good + interval * number for number in range(20)]
    good: list[Event] = [ProbeSample(name, at, at, at, Outcome.OK) for at in (*before, *after)]
    return [*good, *(ProbeSample(name, at, at, at, Outcome.FAILED) for at in between)]


def test_the_finest_probe_with_an_outage_gives_the_last_good_reply() -> None:
    site: list[Event] = [step(FAULT, "inject", node="lb1"), state(103.5, "lb2", "site-address", "held")]
    fine, coarse, page = (
        every("tcp", 0.02, 99.98, 103.6),
        every("https", 0.1, 99.9, 104),
        every("webmail", 1, 98.7, 106),
    )
    [phases] = found(*BEFORE, *site, *page, *coarse, *fine)
    assert phases.seconds["last good reply"] == pytest.approx(-0.02)
    assert phases.seconds["first page"] == pytest.approx(6.0)
    # A probe without an outage does not count, however fine it is.
    calm: list[Event] = [ProbeSample("tcp", 90 + n / 50, 90 + n / 50, 90 + n / 50, Outcome.OK) for n in range(1000)]
    [phases] = found(*BEFORE, *site, *page, *coarse, *calm)
    assert phases.seconds["last good reply"] == pytest.approx(-0.1)


def test_webmail_gives_the_last_good_reply_only_if_no_other_probe_had_an_outage() -> None:
    site: list[Event] = [step(FAULT, "inject", node="lb1"), state(103.5, "lb2", "site-address", "held")]
    page, coarse = every("webmail", 1, 98.7, 106), every("https", 2, 99.5, 104)
    [phases] = found(*BEFORE, *site, *page, *coarse)
    assert phases.seconds["last good reply"] == pytest.approx(-0.5)
    [phases] = found(*BEFORE, *site, *page)
    assert phases.seconds["last good reply"] == pytest.approx(-1.3)


def test_without_a_takeover_there_is_no_failover() -> None:
    again: list[Event] = [step(FAULT, "inject"), state(101, "db1", "power", "off"), state(105, "db1", "power", "on")]
    assert found(*BEFORE, *again, state(110, "db1", "database-address", "held")) == []
    assert found() == []


def test_each_failover_belongs_to_its_fault() -> None:
    lb: list[Event] = [
        step(102.0, "inject", node="lb1", key="k2"),
        state(102.1, "lb1", "power", "off"),
        state(105.5, "lb2", "site-address", "held"),
        step(120.0, "heal", node="lb1", key="k2"),
        state(120.1, "lb1", "power", "on"),
        state(123.0, "lb2", "site-address", "none"),
        state(123.2, "lb1", "site-address", "held"),
    ]
    database, site, back = found(*BEFORE, *TAKEOVER, *lb)
    assert (database.resource, database.at, database.fault and database.fault.key) == ("database", 100.0, "k")
    assert (site.resource, site.at, site.fault and site.fault.key, site.healing) == ("site", 102.0, "k2", False)
    assert (back.at, back.source, back.target, back.healing) == (120.0, "lb2", "lb1", True)
    assert "after healing power-loss on lb1" in back.title


def test_a_failover_that_no_fault_explains_is_reported() -> None:
    [phases] = found(*BEFORE, state(50, "db2", "database-address", "held"))
    assert phases.fault is None
    assert phases.at == 50
    assert "without a fault" in phases.title


def test_a_service_that_did_not_come_back_is_no_success() -> None:
    [phases] = found(*BEFORE, *TAKEOVER, *probe("sql-write", 99.9, None))
    assert phases.away == ("sql-write",)
    assert not phases.ok
    assert "did not come back for sql-write" in phases.describe()
    assert "did not come back for sql-write" in phases.short_summary()


def test_a_phase_before_what_it_depends_on_is_reported() -> None:
    [phases] = found(*BEFORE, *TAKEOVER, *probe("sql-write", 99.9, 103.0))
    assert not phases.ok
    assert "first write (+3.00 s) before postgres accepting (+5.00 s)" in phases.describe()
    late: list[Event] = [replace(event, error=3.0) if isinstance(event, StateChange) else event for event in TAKEOVER]
    [phases] = found(*BEFORE, *late, *probe("sql-write", 99.9, 103.0))
    assert phases.disorder == ()


def test_a_write_that_the_old_primary_answers_is_not_of_the_failover() -> None:
    answered = [
        replace(each, attrs={"database": "db1"})
        for each in probe("sql-write", 99.9, 103.0)
        if isinstance(each, ProbeSample)
    ]
    [phases] = found(*BEFORE, *TAKEOVER, *answered)
    assert "first write" not in phases.seconds
    assert phases.disorder == ()
    by_new = [replace(each, attrs={"database": "db2"}) for each in answered]
    [phases] = found(*BEFORE, *TAKEOVER, *by_new)
    assert phases.disorder != ()


def test_an_outage_after_the_failover_is_not_of_it() -> None:
    later: list[Event] = [*every("webmail", 1, 99.5, 104), *every("webmail", 1, 150.0, 170)]
    [phases] = found(*BEFORE, *TAKEOVER, *later)
    assert phases.seconds["first page"] == pytest.approx(4.0)
    [phases] = found(*BEFORE, *TAKEOVER, *every("webmail", 1, 150.0, 170), *every("sql-write", 0.1, 99.9, 105.5))
    assert "first page" not in phases.seconds
    assert phases.ok


def test_an_outage_before_the_fault_does_not_count() -> None:
    [phases] = found(*BEFORE, *TAKEOVER, *probe("sql-write", 95.2, 97.6))
    assert not phases.served
