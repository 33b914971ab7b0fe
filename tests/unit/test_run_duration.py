"""The duration that an incident file states is within a factor of two of what its runs take."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest
from run_duration import duration_mistake, run_seconds

from testbed.incidents import Incident, load
from testbed.journal import Mark, build_journal, parse

ROOT = Path(__file__).parents[2]
# What runs usually take: for the steady state and the end together, and for each condition.
START_AND_END_SECONDS = 15.0
TYPICAL_SECONDS: Mapping[str, float] = {
    "service": 4, "no-service": 4, "failed-over": 4, "all-users-served": 4, "sessions-on-all-app-nodes": 4,
    "resyncing": 4, "replicated": 15, "drained": 30, "copies-verified": 60,
}  # fmt: skip
RECORDINGS = sorted((ROOT / "tests" / "unit" / "recordings").glob("*.jsonl.gz"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.partition(".")[0])
def test_a_shipped_duration_is_that_of_the_recorded_run(path: Path) -> None:
    journal = parse(gzip.decompress(path.read_bytes()).splitlines())
    assert journal.plan is not None
    took = run_seconds(journal)
    assert took is not None
    stated = load(ROOT / "incidents" / f"{journal.plan.name}.yaml").duration
    assert stated is not None
    assert duration_mistake(stated, took) == ""
    assert duration_mistake(stated * 4, took)
    assert duration_mistake(stated / 4, took)


@pytest.mark.parametrize(
    ("stated", "took", "mistake"),
    [
        (60, 30, ""),
        (60, 120, ""),
        (60, 29, "the file states a duration of 60s, and the run took 29 s; write `duration: 30s`"),
        (60, 124, "the file states a duration of 60s, and the run took 124 s; write `duration: 120s`"),
        (60, 2, "the file states a duration of 60s, and the run took 2 s; write `duration: 10s`"),
    ],
)
def test_a_duration_that_is_off_by_more_than_two_is_a_mistake(stated: float, took: float, mistake: str) -> None:
    assert duration_mistake(stated, took) == mistake


def test_a_run_takes_the_time_from_its_beginning_to_its_end() -> None:
    begin, end = Mark("run-begins", at=10), Mark("run-ends", at=47.5)
    assert run_seconds(build_journal([begin, Mark("steady", at=15), end])) == 37.5
    assert run_seconds(build_journal([begin, Mark("steady", at=15)])) is None
    assert run_seconds(build_journal([end])) is None


@pytest.mark.parametrize("path", sorted((ROOT / "incidents").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_duration_fits_the_steps(path: Path) -> None:
    incident = load(path)
    assert incident.duration is not None
    assert shortest_seconds(incident) < incident.duration
    assert duration_mistake(incident.duration, estimated_seconds(incident)) == ""


def shortest_seconds(incident: Incident) -> float:
    """Return the time that the steps take even if every condition holds at once."""
    return sum((step.sleep or 0) + (step.stable_for or 0) for step in incident.steps)


def estimated_seconds(incident: Incident) -> float:
    """Return an estimate of a run's duration, for incidents of which no run is recorded."""
    strikes_database = any((step.where or "").startswith("db") for step in incident.steps)
    typical = {**TYPICAL_SECONDS, "healthy": 20.0 if strikes_database else 5.0}
    conditions = [step.wait_for for step in incident.steps if step.wait_for]
    return START_AND_END_SECONDS + shortest_seconds(incident) + sum(typical[each] for each in conditions)
