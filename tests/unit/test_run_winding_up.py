"""How a run ends: faults are healed even if the measurement fails, and what was not measured is recorded."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from fakes import topology

from testbed.checks import Status, judge
from testbed.cluster import Cluster
from testbed.cluster.cluster_recovery import MayTry
from testbed.errors import TestbedError, UsageError
from testbed.incidents.incident_model import Incident
from testbed.incidents.run import Run
from testbed.incidents.runner import play_once
from testbed.incidents.task import Task
from testbed.journal import Mark, Outcome, ProbeSample, RunPlan, StateChange, Writer
from testbed.machines import ExecResult, Power
from testbed.probes.read_back_status import UNREADABLE
from testbed.progress import PrintLine
from testbed.wait import WaitTimeout


class FakeTask:
    """A program that may have ended, or may not end."""

    node = "client"
    measures = "tcp https"

    def __init__(self, *, alive: bool = True, trouble: BaseException | None = None) -> None:
        self.alive = alive
        self.first_error = trouble
        self.stopped = False

    def running(self) -> bool:
        return self.alive

    def ended(self) -> str:
        return "" if self.alive else "a program has ended: MemoryError"

    def stop(self) -> None:
        self.stopped = True
        if self.first_error:
            raise self.first_error


@pytest.fixture
def healed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Filled when all faults are healed; nothing else of a cluster is there."""
    done: list[str] = []

    class NoRecorder:
        first_error = ""

        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    def heal_all(*_: object, **__: object) -> None:
        done.append("all")

    monkeypatch.setattr("testbed.incidents.run.Recorder", NoRecorder)
    monkeypatch.setattr("testbed.incidents.run.end_strays", lambda _: None)
    monkeypatch.setattr("testbed.recorder.collect_artifacts", lambda *_: None)
    monkeypatch.setattr("testbed.recorder.record_leftovers", lambda *_: None)
    monkeypatch.setattr("testbed.recorder.survey_leftovers", lambda _: None)
    monkeypatch.setattr("testbed.faults.heal_all", heal_all)
    monkeypatch.setattr("testbed.cluster.lifecycle.make_healthy", lambda *_: "")
    monkeypatch.setattr("testbed.cluster.cluster_recovery.recover", lambda *_: None)
    return done


def a_run(tmp_path: Path, *, keep: bool = False) -> Run:
    fleet = SimpleNamespace(machines=lambda _: [SimpleNamespace(power=lambda: Power.ON)])
    cluster = SimpleNamespace(
        settings=SimpleNamespace(state_dir=tmp_path), fleet=fleet, ledger=None, platform={}, topology=topology()
    )
    return Run(cast("Cluster", cluster), "winding-up", keep=keep)


def wind_up(run: Run, load: FakeTask, prober: FakeTask) -> None:
    with run:
        run._loads.append(cast("Task", load))
        run._probers.append(cast("Task", prober))


def recorded_error(run: Run) -> str:
    [end] = [mark for mark in run.journal().of(Mark) if mark.name == "run-ends"]
    return end.attrs["error"]


def test_a_program_that_does_not_end_keeps_no_fault_in_force(tmp_path: Path, healed: list[str]) -> None:
    run, other = a_run(tmp_path), FakeTask()
    with pytest.raises(TestbedError, match="it does not end"):
        wind_up(run, FakeTask(trouble=TestbedError("it does not end")), other)
    assert healed == ["all"]
    assert other.stopped
    assert recorded_error(run) == "it does not end"


def test_ctrl_c_while_a_run_winds_up_heals_and_is_recorded(tmp_path: Path, healed: list[str]) -> None:
    run = a_run(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        wind_up(run, FakeTask(trouble=KeyboardInterrupt()), FakeTask())
    assert healed == ["all"]
    assert recorded_error(run) == "KeyboardInterrupt"


def test_a_prober_that_died_leaves_the_run_unknown(tmp_path: Path, healed: list[str]) -> None:
    run = a_run(tmp_path)
    with pytest.raises(TestbedError, match="MemoryError"):
        wind_up(run, FakeTask(), FakeTask(alive=False))
    assert healed == ["all"]
    [lost] = [verdict for verdict in judge(run.journal()) if verdict.check == "run"]
    assert lost.status is Status.UNKNOWN
    assert lost.summary == "tcp https ended before the run did: a program has ended: MemoryError"


@pytest.mark.parametrize("collect", [True, False])
@pytest.mark.usefixtures("healed")
def test_the_logs_are_copied_unless_the_caller_does_it(
    collect: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[Path] = []
    monkeypatch.setattr("testbed.recorder.collect_artifacts", lambda _, folder: copied.append(folder))
    first = a_run(tmp_path)
    run = Run(first.cluster, "no-logs", collect=collect)
    with run:
        pass
    assert copied == [run.folder] * collect


@pytest.mark.parametrize("keep", [True, False])
def test_of_a_cluster_that_is_kept_as_it_is_no_leftovers_are_judged(
    keep: bool, tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "_settle", lambda *_: None)
    with a_run(tmp_path, keep=keep) as run:
        pass
    assert healed == ([] if keep else ["all"])
    assert ("leftovers" in {verdict.check for verdict in judge(run.journal())}) is not keep


@pytest.mark.parametrize("healthy", [True, False], ids=["a corrupted page", "a stuck database"])
def test_a_table_that_cannot_be_read_back_is_a_finding_and_breaks_no_run(
    healthy: bool, tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exec_(command: list[str], timeout: float) -> ExecResult:
        assert timeout > 0
        attrs = {"reason": "invalid page in block 7", "at-rest": "yes", "seconds": "90"}
        journal = tmp_path / "runs" / run.folder.name / "journal.jsonl"
        with Writer(journal, "settle") as out:
            out.write(Mark("unreadable", attrs=attrs))
        commands.append(command)
        return ExecResult(UNREADABLE, "", "the writes cannot be read back")

    def make_healthy(*_: object) -> str:
        if not healthy:
            raise TestbedError("waited 180 s for a healthy cluster")
        return ""

    commands: list[list[str]] = []
    monkeypatch.setattr("testbed.cluster.lifecycle.make_healthy", make_healthy)
    run = a_run(tmp_path)
    monkeypatch.setattr(run.cluster.fleet, "machines", lambda _: [SimpleNamespace(exec=exec_, power=lambda: Power.ON)])
    with run:
        run._probing.append("sql-write")
        run.writer.write(ProbeSample("sql-write", 1.0, 1.0, 1.1, Outcome.OK, token="t-1"))
    assert healed == ["all"]
    assert len(commands) == 2, "it may only have been slow, and is read once more"
    assert recorded_error(run) == ""
    [cluster] = [verdict for verdict in judge(run.journal()) if verdict.check == "healthy"]
    assert (cluster.status is Status.PASS) is healthy
    assert ("waited 180 s for a healthy cluster" in cluster.summary) is not healthy
    [durability] = [verdict for verdict in judge(run.journal()) if verdict.check == "durability"]
    assert durability.status is Status.FAIL
    assert "the table of writes cannot be read back, tried for 90 s: invalid page in block 7" in durability.summary
    assert "1 writes were acknowledged" in durability.summary


def test_a_balancer_that_serves_is_left_to_its_users(tmp_path: Path, healed: list[str]) -> None:
    with a_run(tmp_path) as run:
        run.writer.write(StateChange("lb1", "site-address", "held", 1.0))
        assert run._may_try("lb1", "app-1"), "no probe asks, so the member would never be tried"
        run._probing.append("https")
        assert not run._may_try("lb1", "app-1")
        assert run._may_try("lb2", "app-1")
        run._probing.clear()
    tries = [mark.node for mark in run.journal().of(Mark) if mark.name == "member-tried"]
    assert tries == ["lb1", "lb2"]
    assert healed == ["all"]


def test_a_cluster_that_cannot_become_healthy_is_a_finding_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parted(*_: object) -> None:
        raise TestbedError("split brain", fix="`testbed heal`")

    monkeypatch.setattr("testbed.cluster.lifecycle.wait_healthy", parted)
    with pytest.raises(WaitTimeout, match="split brain; `testbed heal`"):
        a_run(tmp_path).wait("healthy")


def test_a_refusal_during_a_run_does_not_claim_that_nothing_was_started(
    tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("no node is db:primary now")

    incident = Incident.model_validate(
        {"name": "refused", "title": "No node is primary", "why": "no node is primary", "steps": [{"sleep": "1s"}]}
    )
    run = a_run(tmp_path)
    monkeypatch.setattr("testbed.incidents.runner.heal_all", lambda *_: [])
    monkeypatch.setattr("testbed.incidents.runner._timeline", refuse)
    with pytest.raises(TestbedError, match="no node is db:primary now") as refused:
        play_once(
            run.cluster,
            incident,
            RunPlan("refused", {}, 1),
            keep=False,
            on_begin=print,
            print_line=print,
            before_step=print,
        )
    assert refused.value.exit_status == TestbedError.exit_status
    assert healed == ["all"]


def test_a_full_disk_keeps_no_remedy_of_a_run_from_being_taken(
    tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = Run.mark

    def refuse(run: Run, name: str, **attrs: str) -> None:
        if name == "repaired":
            raise OSError(errno.ENOSPC, "No space left on device")
        mark(run, name, **attrs)

    def recover(_: object, __: float, print_line: PrintLine, may_try: MayTry) -> None:
        print_line("db2: it connects again")
        with monkeypatch.context() as full:
            full.setattr(run.writer, "write", disk_full)
            assert may_try("lb1", "app-1")
        healed.append("recovered")

    def disk_full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def make_healthy(*_: object) -> str:
        healed.append("whole")
        return ""

    run = a_run(tmp_path)
    monkeypatch.setattr(Run, "mark", refuse)
    monkeypatch.setattr("testbed.cluster.cluster_recovery.recover", recover)
    monkeypatch.setattr("testbed.cluster.lifecycle.make_healthy", make_healthy)
    with pytest.raises(OSError, match="No space left"), run:
        pass
    assert healed == ["all", "recovered", "whole"]
    assert "No space left" in recorded_error(run)


def test_a_run_whose_cluster_had_to_be_repaired_fails_and_names_the_remedy(
    tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remedy = "db1 holds the database's address but does not serve: db2: power-cycling it"
    monkeypatch.setattr("testbed.cluster.cluster_recovery.recover", lambda _, __, print_line, ___: print_line(remedy))
    with a_run(tmp_path) as run:
        pass
    assert healed == ["all"]
    [verdict] = [each for each in judge(run.journal()) if each.check == "healthy"]
    assert (verdict.status, verdict.summary) == (Status.FAIL, f"testbed repaired the cluster: {remedy}")


def test_a_repair_that_is_documented_fails_no_run(
    tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "testbed.cluster.cluster_recovery.recover", lambda _, __, print_line, ___: print_line("db2 was off: started")
    )
    run = a_run(tmp_path)
    run.plan = RunPlan("known", {"profiles": {"reference": {"known_failures": {"healthy": "Nothing starts it."}}}}, 1)
    with run:
        pass
    assert healed == ["all"]
    [verdict] = [each for each in judge(run.journal()) if each.check == "healthy"]
    assert verdict.status is Status.FAIL
    assert verdict.holds
