"""The phases of a failover."""

from __future__ import annotations

import pytest

from testbed.checks import failover_phases, node_events
from testbed.journal import Outcome, ProbeSample

OFFSET = 1_795_409_000.0
LOG = [
    (OFFSET + 99.0, "event=carp-master address=198.18.1.20"),
    (OFFSET + 103.5, "event=carp-master address=198.18.1.20"),
    (OFFSET + 103.6, "some other line"),
    (OFFSET + 103.75, "event=drbd-primary"),
    (OFFSET + 104.0, "event=mounted filesystem=ext3"),
    (OFFSET + 104.25, "event=address-claimed address=198.18.1.20"),
    (OFFSET + 105.125, "db2: event=postgres-accepting"),
    (OFFSET + 106.0, "garbage"),
]
FAULT = 100.0


def probes(last_good: float, first_good: float) -> list[ProbeSample]:
    ok = [ProbeSample("x", at, at, at, Outcome.OK) for at in (99.0, last_good, first_good, 120.0)]
    middle = (last_good + first_good) / 2
    return [*ok, ProbeSample("x", middle, middle, middle, Outcome.FAILED)]


def test_events_are_found_in_a_log() -> None:
    events = node_events("db2", LOG, OFFSET)
    assert [event.name for event in events] == [
        "carp-master",
        "carp-master",
        "drbd-primary",
        "mounted",
        "address-claimed",
        "postgres-accepting",
    ]
    assert events[1].at == pytest.approx(103.5)
    assert events[1].node == "db2"
    assert events[3].attrs == {"filesystem": "ext3"}


def test_all_phases_of_a_failover() -> None:
    phases = failover_phases(
        FAULT, node_events("db2", LOG, OFFSET), sql=probes(99.9, 105.5), http=probes(99.95, 105.75)
    )
    assert phases.ok
    assert dict(phases.rows()) == {
        "last good reply": pytest.approx(-0.1),
        "carp master": pytest.approx(3.5),
        "address claimed": pytest.approx(4.25),
        "drbd primary": pytest.approx(3.75),
        "mounted": pytest.approx(4.0),
        "postgres accepting": pytest.approx(5.125),
        "first write": pytest.approx(5.5),
        "first page": pytest.approx(5.75),
    }
    assert "first write +5.50 s" in phases.explain()


def test_missing_phases_stay_unknown() -> None:
    phases = failover_phases(FAULT, [], http=probes(100.2, 103.0))
    assert phases.ok
    assert phases.first_page == pytest.approx(3.0)
    assert phases.mounted is None
    assert "not seen: carp master" in phases.explain()


def test_a_service_that_did_not_come_back_fails() -> None:
    dead = [ProbeSample("x", 99, 99, 99, Outcome.OK), ProbeSample("x", 101, 101, 102, Outcome.FAILED)]
    phases = failover_phases(FAULT, node_events("db2", LOG, OFFSET), sql=dead)
    assert not phases.ok
    assert phases.last_good_reply == pytest.approx(-1.0)
    assert not failover_phases(FAULT, []).ok


def test_a_phase_before_what_it_depends_on_fails() -> None:
    phases = failover_phases(FAULT, node_events("db2", LOG, OFFSET), sql=probes(99.9, 103.0))
    assert not phases.ok
    assert "first write (+3.00 s) before postgres accepting" in phases.explain()


def test_an_outage_before_the_fault_does_not_count() -> None:
    assert failover_phases(FAULT, [], sql=probes(99.2, 99.6)).first_write is None
