"""What a benchmark counts, on a journal that is made up."""

from __future__ import annotations

from pathlib import Path

import pytest
from forging import Story, lines, write

from testbed.bench.failover import KINDS, _hit, _measured
from testbed.bench.soak import _soaked
from testbed.checks import Status
from testbed.checks.injected_faults import InjectedFault
from testbed.incidents.runner import IncidentResult
from testbed.journal import Outcome, RequestSample, read


def request(started: float, latency: float, cause: str = "timeout") -> RequestSample:
    return RequestSample("s", "user01", "read", "lb1", "", started, latency, Outcome.FAILED, cause)


@pytest.mark.parametrize(
    ("sent", "hit"),
    [
        (request(8, 1), False),  # over before
        (request(8, 5), True),  # in flight
        (request(15, 5), True),
        (request(31, 1), False),  # healed by then
        (request(15, 5, "session-lost"), False),
    ],
)
def test_a_request_failed_by_the_fault_or_by_something_else(sent: RequestSample, *, hit: bool) -> None:
    fault = InjectedFault("1", "power-loss", "app-1", "app:any", (), 10, 11, 29, 30)
    assert _hit(sent, fault) is hit


def test_a_failover_is_counted_once_and_nothing_is_lost(tmp_path: Path) -> None:
    write(tmp_path / "journal.jsonl", lines(Story()))
    measured = _measured(KINDS["database"], IncidentResult(tmp_path, ()))
    assert measured.status is Status.UNKNOWN  # nothing was judged
    assert measured.outage > 1
    assert measured.phases is not None
    assert measured.victim == measured.phases.source
    assert (measured.lost, measured.false) == (0, 0)


def test_a_soak_that_saw_a_failover_reports_it(tmp_path: Path) -> None:
    write(tmp_path / "journal.jsonl", lines(Story()))
    result = _soaked(tmp_path, read(tmp_path / "journal.jsonl"), 3, {"db1 is off": 2})
    assert result.complaints == ("db1 is off (2 times)",)
    assert any("database-address held" in move for move in result.moves)
    assert result.outages["sql-write"] > 1
