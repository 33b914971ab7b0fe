"""Healing does not depend on what may be recorded: a full disk, a broken journal, Ctrl-C keep no fault in force."""

from __future__ import annotations

import errno
import inspect
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from fakes import FakeMachine, fleet
from test_run_winding_up import FakeTask, a_run, healed

from testbed.cli import heal as command
from testbed.cluster import Cluster, lifecycle
from testbed.deferred import Deferred
from testbed.errors import TestbedError
from testbed.faults import Ledger, LedgerEntry, heal_all
from testbed.faults.injection import heal
from testbed.incidents.run import Run
from testbed.incidents.task import Task
from testbed.journal.events import FaultStep
from testbed.progress import Progress

__all__ = ["healed"]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


def frozen(name: str, ledger: Ledger) -> FakeMachine:
    machine = FakeMachine(name, ledger)
    machine.frozen = True
    ledger.write("freeze", name, name, {})
    return machine


def disk_full(_: FaultStep) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def journal_closed(_: FaultStep) -> None:
    raise ValueError("write to closed file")


@pytest.mark.parametrize("on_step", [disk_full, journal_closed])
def test_a_journal_that_takes_no_line_keeps_no_node_frozen(on_step: type, ledger: Ledger) -> None:
    one, other = frozen("db1", ledger), frozen("app-1", ledger)
    with pytest.raises((OSError, ValueError), match=r"No space left|closed file"):
        heal_all(fleet(one, other), ledger, on_step=on_step)
    assert (one.done, other.done) == (["unpause"], ["unpause"])
    assert ledger.entries() == []


def test_one_fault_is_healed_before_the_journal_is_complained_of(ledger: Ledger) -> None:
    one = frozen("db1", ledger)
    [entry] = ledger.entries()
    with pytest.raises(OSError, match="No space left"):
        heal(fleet(one), ledger, entry, on_step=disk_full)
    assert one.done == ["unpause"]


def test_a_record_that_cannot_be_struck_out_keeps_no_node_frozen(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Ledger, __: LedgerEntry) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    one, other = frozen("db1", ledger), frozen("app-1", ledger)
    monkeypatch.setattr(Ledger, "remove", refuse)
    with pytest.raises(OSError, match="Read-only"):
        heal_all(fleet(one, other), ledger)
    assert not one.frozen
    assert not other.frozen


def test_ctrl_c_ends_the_healing_of_one_fault_and_not_of_the_others(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = frozen("db1", ledger), frozen("app-1", ledger)
    interrupted: list[str] = []
    thaw = FakeMachine.unpause

    def unpause(machine: FakeMachine) -> None:
        if not interrupted:
            interrupted.append(machine.name)
            raise KeyboardInterrupt
        thaw(machine)

    monkeypatch.setattr(FakeMachine, "unpause", unpause)
    with pytest.raises(KeyboardInterrupt):
        heal_all(fleet(one, other), ledger)
    assert not one.frozen
    assert not other.frozen
    assert ledger.entries() == []


def test_a_damaged_record_keeps_no_other_fault_in_force(ledger: Ledger, tmp_path: Path) -> None:
    one = frozen("db1", ledger)
    (tmp_path / "faults" / "0.json").write_text("")
    heal_all(fleet(one), ledger)
    assert not one.frozen
    [aside] = ledger.set_aside_damaged()
    assert aside.suffix == ".damaged"
    assert ledger.entries() == []


@pytest.mark.parametrize("stage", ["timeline-done", "load-ends", "probes-end"])
def test_a_full_disk_at_any_stage_of_the_end_keeps_no_fault_in_force(
    stage: str, tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = Run.mark

    def refuse(run: Run, name: str, **attrs: str) -> None:
        if name == stage:
            raise OSError(errno.ENOSPC, "No space left on device")
        mark(run, name, **attrs)

    monkeypatch.setattr(Run, "mark", refuse)
    prober = FakeTask()
    with pytest.raises(OSError, match="No space left"), a_run(tmp_path) as run:
        run._probers.append(cast("Task", prober))
    assert healed == ["all"]
    assert prober.stopped


def test_a_journal_that_is_full_at_the_last_line_is_closed(
    tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path)
    with pytest.raises(OSError, match="No space left"), run:
        monkeypatch.setattr(Run, "mark", lambda *_, **__: disk_full(cast("FaultStep", None)))
    assert healed == ["all"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        run.writer.write(run.plan)


def test_ctrl_c_counts_for_more_than_an_error_before_it() -> None:
    later = Deferred()
    with later:
        raise TestbedError("first")
    with later:
        raise KeyboardInterrupt
    with later:
        raise TestbedError("third")
    with pytest.raises(KeyboardInterrupt):
        later.raise_first()


@pytest.mark.parametrize("left", [True, False], ids=["still in force", "healed once the cluster was repaired"])
def test_a_fault_that_a_stuck_cluster_keeps_in_force_breaks_the_run_only_if_it_stays(
    left: bool, tmp_path: Path, healed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TestbedError("no database machine has the volume mounted")

    def repair(*_: object) -> str:
        healed.append("repaired")
        return ""

    ledger = Ledger(tmp_path / "faults")
    if left:
        ledger.write("disk-full", "db1", "db1", {})
    monkeypatch.setattr("testbed.faults.heal_all", refuse)
    monkeypatch.setattr("testbed.cluster.lifecycle.make_healthy", repair)
    run = a_run(tmp_path)
    run.cluster.ledger = ledger
    refused = pytest.raises(TestbedError, match="no database machine") if left else nullcontext()
    with refused, run:
        pass
    assert healed == ["repaired"]


def test_what_could_not_be_healed_before_the_repair_is_healed_after_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, recovered = frozen("db1", ledger), []
    monkeypatch.setattr(lifecycle, "recover", lambda *_: recovered.append(victim.frozen))
    cluster = SimpleNamespace(fleet=fleet(victim), ledger=ledger)
    lifecycle.make_healthy(cast("Cluster", cluster), 1.0)
    assert recovered == [True, False]
    assert ledger.entries() == []


def test_heal_counts_what_was_healed_though_another_fault_stays(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stuck, other = frozen("db1", ledger), frozen("app-1", ledger)
    thaw = FakeMachine.unpause

    def unpause(machine: FakeMachine) -> None:
        if machine is stuck:
            raise TestbedError("QEMU does not answer", where="db1")
        thaw(machine)

    monkeypatch.setattr(FakeMachine, "unpause", unpause)
    monkeypatch.setattr("testbed.cluster.unrecorded_faults.undo", lambda _: [])
    monkeypatch.setattr(lifecycle, "_end_drains", lambda *_: None)
    monkeypatch.setattr(lifecycle, "restore", lambda *_: None)
    cluster = SimpleNamespace(fleet=fleet(stuck, other), ledger=ledger)
    lines: list[str] = []
    progress = cast("Progress", SimpleNamespace(print_line=lines.append))
    assert lifecycle.heal(cast("Cluster", cluster), progress) == 1
    assert lines == ["  not healed: db1: QEMU does not answer", "  healed freeze on app-1"]
    monkeypatch.setattr(command, "Cluster", lambda: cluster)
    inspect.unwrap(command.heal)()
    assert "no fault is on record" not in capsys.readouterr().err
    ledger.remove(ledger.entries()[0])
    inspect.unwrap(command.heal)()
    assert "no fault is on record" in capsys.readouterr().err
