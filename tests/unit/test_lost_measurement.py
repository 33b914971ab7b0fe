"""A client or an observer that dies during a run: what it did not measure is unknown, and the rest is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pytest
from fakes import FakeMachine
from test_checks_standstills import OPENINGS, STEP, probed
from test_run_winding_up import FakeTask, a_run, recorded_error, wind_up
from test_run_winding_up import healed as healed  # noqa: PLC0414 - a fixture

from testbed.checks import Status, Verdict, judge, overall_status
from testbed.checks.outage import outage_of
from testbed.faults import Ledger
from testbed.incidents.incident_model import Incident
from testbed.incidents.run import MeasurementLostError, Run
from testbed.incidents.runner import play_once
from testbed.incidents.task import Task
from testbed.journal import (
    Event,
    FaultStep,
    Mark,
    Outcome,
    ProbeSample,
    RequestSample,
    RunPlan,
    Settled,
    StateChange,
)
from testbed.journal.journal import Journal, build_journal
from testbed.machines import Machine, Power
from testbed.wait import FinalError, WaitTimeout

SITE, DATABASE = ("tcp", "https"), ("sql-read",)
DIED = 20.0
CLIENT_ENDED = (
    Mark("program-ended", "client", {"measures": "tcp https webmail", "reason": "client went off"}, at=38.1),
    Mark("program-ended", "client", {"measures": "load", "reason": "client went off"}, at=38.1),
)


def a_journal(
    *,
    expect: Mapping[str, object],
    away: tuple[float, float] = (0, 0),
    more: tuple[Event, ...] = (),
    ended: bool = True,
) -> Journal:
    """A run of 40 s whose client is killed after 20 s; its observer goes on."""
    plan = RunPlan("story", {"load": {"users": 0}, "steps": [{"sleep": "5s"}], "expect": expect})
    samples = [each for name in SITE for each in probed(name, away=away) if each.finished < DIED]
    samples += [each for name in DATABASE for each in probed(name, away=away)]
    marks = [Mark("steady", at=2.0), Mark("timeline-done", at=38.0), Mark("run-ends", at=40.0)]
    return build_journal([plan, *samples, *marks, *(CLIENT_ENDED if ended else ()), *more], OPENINGS)


def verdict_of(check: str, journal: Journal) -> Verdict:
    return next(each for each in judge(journal) if each.check == check)


@pytest.mark.parametrize("expect", [{"max_outage": {"tcp": "3s"}}, {"must_notice": ["tcp"]}], ids=str)
def test_what_dead_probes_did_not_measure_is_unknown(expect: Mapping[str, object]) -> None:
    journal = a_journal(expect=expect)
    assert verdict_of("outage", journal).status is Status.UNKNOWN
    assert "the prober itself did not run to the end of the run" in verdict_of("outage", journal).summary
    assert [each.summary for each in judge(journal) if each.check == "run"] == [
        "tcp https webmail ended before the run did: client went off",
        "load ended before the run did: client went off",
    ]
    assert overall_status(judge(journal)) is Status.UNKNOWN
    assert outage_of(journal, "tcp").hidden[0].last_good == pytest.approx(DIED, abs=2 * STEP)


def test_an_outage_that_was_measured_fails_all_the_same() -> None:
    journal = a_journal(expect={"max_outage": {"tcp": "3s"}}, away=(5, 10))
    assert verdict_of("outage", journal).status is Status.FAIL
    assert overall_status(judge(journal)) is Status.FAIL


@pytest.mark.parametrize(("limit", "status"), [("3s", Status.UNKNOWN), ("1s", Status.FAIL)])
def test_an_outage_in_which_the_probes_died_counts_as_far_as_it_was_seen(limit: str, status: Status) -> None:
    assert verdict_of("outage", a_journal(expect={"max_outage": {"tcp": limit}}, away=(17, 99))).status is status


def test_probes_of_the_other_node_are_judged() -> None:
    assert verdict_of("outage", a_journal(expect={"max_outage": {"sql-read": "0s"}})).status is Status.PASS


def test_a_failover_whose_end_no_probe_saw_is_unknown() -> None:
    fault = FaultStep("k", "inject", "power-loss", "lb1", at=16.9)
    moved = (
        StateChange("lb1", "site-address", "held", 0),
        StateChange("lb1", "site-address", "none", 17.0),
        StateChange("lb2", "site-address", "held", 18.5),
    )
    assert verdict_of("phases", a_journal(expect={}, away=(17, 99), more=(fault, *moved))).status is Status.UNKNOWN
    unended = a_journal(expect={}, away=(17, 99), more=(fault, *moved), ended=False)
    assert verdict_of("phases", unended).status is Status.FAIL


def test_a_service_that_no_probe_tried_up_to_the_heal_is_not_known_to_have_been_away() -> None:
    steps = [(16.5, "inject"), (16.9, "injected"), (30, "heal"), (31, "healed")]
    fault = tuple(FaultStep("k", name, "freeze", "lb1", at=at) for at, name in steps)
    expect = {"no_service_until_heal": ["tcp"]}
    assert verdict_of("no-service", a_journal(expect=expect, away=(16.5, 99), more=fault)).status is Status.UNKNOWN
    measured = {"no_service_until_heal": ["sql-read"]}
    assert verdict_of("no-service", a_journal(expect=measured, away=(16.5, 99), more=fault)).status is Status.PASS


def test_users_that_are_gone_prove_nothing_about_sessions_and_logins() -> None:
    def asked(at: float, action: str) -> RequestSample:
        return RequestSample("s1", "user01", action, "lb1", "app-1", at, 0.1, Outcome.OK)

    more = tuple(asked(at, action) for at, action in ((5, "log in"), (6, "inbox"), (7, "read")))
    for check in ("stickiness", "logins"):
        for ended, status in ((True, Status.UNKNOWN), (False, Status.PASS)):
            journal = a_journal(expect={"max_failed_logins": 0}, more=more, ended=ended)
            assert verdict_of(check, journal).status is status


@pytest.mark.parametrize(("ended", "status"), [(True, Status.UNKNOWN), (False, Status.FAIL)])
def test_a_row_of_a_write_that_was_under_way_when_its_probe_died_is_no_strange_row(ended: bool, status: Status) -> None:
    died = Mark("program-ended", "observer", {"measures": "sql-read sql-write", "reason": "observer went off"}, at=38.1)
    more: tuple[Event, ...] = (
        ProbeSample("sql-write", 5.0, 5.0, 5.1, Outcome.OK, token="t-1"),
        Settled("t-1", 1), Settled("t-2", 1), Mark("settled", at=39.0), *((died,) if ended else ()),
    )  # fmt: skip
    assert verdict_of("durability", a_journal(expect={}, more=more, ended=False)).status is status


# --- the run itself ----------------------------------------------------------------------------------------------


class Node:
    """A client or an observer."""

    def __init__(self, name: str, *, on: bool) -> None:
        self.name = name
        self.on = on

    def power(self) -> Power:
        return Power.ON if self.on else Power.OFF

    def start(self) -> None:
        self.on = True


def with_nodes(run: Run, monkeypatch: pytest.MonkeyPatch, *, client_on: bool) -> Node:
    client, observer = Node("client", on=client_on), Node("observer", on=True)
    nodes = {"client": [client], "observer": [observer]}
    monkeypatch.setattr(run.cluster.fleet, "machines", nodes.__getitem__)
    return client


def test_a_client_that_was_killed_is_started_again_and_leaves_the_run_unknown(
    tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path)
    client = with_nodes(run, monkeypatch, client_on=False)
    dead, alive = FakeTask(alive=False), FakeTask()
    with pytest.raises(MeasurementLostError, match="MemoryError before the run ended: what was not measured"):
        wind_up(run, dead, alive)
    assert healed == ["all"]
    assert client.on
    assert alive.stopped
    assert not dead.stopped, "a program that has ended cannot be stopped"
    assert recorded_error(run) == "", "the run did not break"
    names = [mark.name for mark in run.journal().of(Mark)]
    assert "repaired" not in names, "the client only measures the cluster"
    by_check = {each.check: each for each in judge(run.journal())}
    assert (by_check["run"].status, by_check["healthy"].status) == (Status.UNKNOWN, Status.PASS)


def test_a_step_that_no_program_could_see_is_unknown_and_the_run_has_its_report(
    tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def timeline(run: Run, begin: Callable[[], None]) -> float:
        begin()
        run._probers.append(cast("Task", FakeTask(alive=False)))
        return 0.0

    def never(*_: object, **__: object) -> None:
        raise WaitTimeout("waited 60 s for 'service'")

    incident = Incident.model_validate({
        "name": "lost", "title": "The client dies", "why": "the client dies", "steps": [{"wait_for": "service"}],
    })  # fmt: skip
    cluster = a_run(tmp_path).cluster
    monkeypatch.setattr("testbed.incidents.runner.heal_all", lambda *_: [])
    monkeypatch.setattr(
        "testbed.incidents.runner.reach_steady_state", lambda run, *_: timeline(run, lambda: run.mark("steady"))
    )
    monkeypatch.setattr(Run, "wait", never)
    monkeypatch.setattr(
        cluster.fleet, "machines", lambda role: [Node("client" if role == "client" else "observer", on=True)]
    )
    result = play_once(cluster, incident, RunPlan("lost", incident.model_dump(mode="json"), 1))
    assert healed == ["all"]
    assert result.status is Status.UNKNOWN
    assert "a program has ended: MemoryError" in {each.check: each for each in result.verdicts}["steps"].summary
    assert (result.folder / "report.html").exists()


def test_a_wait_ends_when_the_journal_has_that_the_client_is_off(tmp_path: Path, healed: list[str]) -> None:
    with a_run(tmp_path) as run:
        run._probers.append(cast("Task", FakeTask()))
        assert run._measuring_node_off() == ""
        run.writer.write(StateChange("client", "power", "off", 1.0))
        with pytest.raises(FinalError, match="client went off"):
            run.wait("failed-over", timeout=5)
    assert healed == ["all"]


def test_a_program_on_a_node_that_is_off_has_ended(tmp_path: Path) -> None:
    client = FakeMachine("client", Ledger(tmp_path / "faults"), {"kill -0": "", "cat": "first\nlast line"})
    task = Task(cast("Machine", client), 7, "/runs/x/load.log", "load")
    assert task.ended() == ""
    client.on = False
    assert task.ended() == "client went off"
    assert (task.node, task.measures) == ("client", "load")
