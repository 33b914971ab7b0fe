"""The sentence about the longest outage at the top of a report."""

from __future__ import annotations

import pytest

from testbed.checks import OutageReport, Phases
from testbed.checks.injected_faults import InjectedFault
from testbed.checks.standstills import Standstill
from testbed.checks.windows import Window
from testbed.report.explanation import explain_longest

LOSS = InjectedFault("key", "power-loss", "db1", "db:primary", (), 100.0, 100.1, None, None)


def outage(*windows: Window) -> OutageReport:
    return OutageReport(windows, 10, 5, 0, 0.1, None)


def failover(resource: str = "database", **seconds: float) -> Phases:
    named = {name.replace("_", " "): after for name, after in seconds.items()}
    return Phases(resource, "db1", "db2", at=100.0, fault=LOSS, healing=False, seconds=named)


REFERENCE = failover(
    carp_master=2.9, address_claimed=2.93, drbd_primary=3.0, mounted=3.1, postgres_accepting=4.2, first_write=4.6
)


def test_the_parts_of_a_failover_add_up_to_the_outage() -> None:
    found = explain_longest({"tcp": outage(), "sql-write": outage(Window(100.0, 104.6, 9, 0))}, [REFERENCE])
    assert found == (
        "The longest outage lasted 4.6 s (sql-write), after power-loss on db1: 2.9 s until db2 noticed, 0.2 s for DRBD "
        "and the mount, 1.1 s until PostgreSQL accepted connections, 0.4 s until the first commit."
    )


def test_steps_are_listed_in_the_order_in_which_they_ended() -> None:
    hardened = failover(carp_master=0.7, drbd_primary=1.0, mounted=1.2, address_claimed=1.5, postgres_accepting=2.5)
    found = explain_longest({"sql-read": outage(Window(100.0, 103.0, 9, 0))}, [hardened])
    assert found.endswith(
        "0.7 s until db2 noticed, 0.5 s for DRBD and the mount, 0.3 s until it had the address, 1.0 s until PostgreSQL "
        "accepted connections, 0.5 s until the first good answer."
    )


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ((), "No probe saw an outage."),
        ((Window(200.0, 203.0, 9, 0, first_bad=200.1),), "(https), after power-loss on db1, without a failover."),
        ((Window(None, 203.0, 9, 0),), "https had no good answer from the beginning of the run."),
        ((Window(200.0, None, 9, 0),), "https had no good answer any more after its last outage began."),
        (
            (Window(200.0, 204.0, 9, 0, stops=(Standstill(201.0, 203.0),)),),
            "but the prober itself stood still for 2.000 s of it.",
        ),
    ],
)  # fmt: skip
def test_an_outage_without_a_failover(windows: tuple[Window, ...], expected: str) -> None:
    known = [LOSS] if windows and windows[0].first_bad else []
    assert explain_longest({"https": outage(*windows)}, [REFERENCE], known).endswith(expected)


def test_no_text_is_written_when_no_probe_ran() -> None:
    assert explain_longest({}, []) == ""
