"""The ledger: a fault is on disk before it is injected, and healed whatever happened in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import FakeMachine, fleet

from testbed.errors import TestbedError, UsageError
from testbed.faults import Ledger, heal_all, inject
from testbed.journal.events import FaultStep


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


@pytest.fixture
def db1(ledger: Ledger) -> FakeMachine:
    return FakeMachine("db1", ledger)


@pytest.mark.parametrize("fault", ["power-loss", "shutdown", "freeze", "cable-pull", "network-down", "resign"])
def test_written_down_before_it_is_injected(fault: str, ledger: Ledger, db1: FakeMachine) -> None:
    inject(fleet(db1), ledger, fault, "db1")
    assert db1.done
    assert all(db1.recorded_before)
    assert [(entry.fault, entry.node) for entry in ledger.entries()] == [(fault, "db1")]


def test_healed_by_another_process_from_the_disk(ledger: Ledger, db1: FakeMachine, tmp_path: Path) -> None:
    inject(fleet(db1), ledger, "cable-pull", "db1", {"network": "replication"})
    heal_all(fleet(db1), Ledger(tmp_path / "faults"))
    assert db1.done == ["unplug replication", "plug replication"]
    assert ledger.entries() == []


def test_a_record_stays_until_healing_succeeds(
    ledger: Ledger, db1: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    inject(fleet(db1), ledger, "power-loss", "db1")

    def no_power() -> None:
        raise TestbedError("no power")

    monkeypatch.setattr(db1, "start", no_power)
    with pytest.raises(TestbedError):
        heal_all(fleet(db1), ledger)
    assert len(ledger.entries()) == 1


def test_healing_twice_or_after_a_restart_changes_nothing(ledger: Ledger, db1: FakeMachine) -> None:
    inject(fleet(db1), ledger, "power-loss", "db1")
    db1.on = True  # somebody started it by hand
    heal_all(fleet(db1), ledger)
    heal_all(fleet(db1), ledger)
    assert db1.done == ["kill"]


def test_a_fault_of_a_removed_node_is_healed_at_once(ledger: Ledger, db1: FakeMachine) -> None:
    inject(fleet(db1), ledger, "power-loss", "db1")
    heal_all(fleet(), ledger)
    assert ledger.entries() == []


def test_network_falls_with_one_command_and_replication_returns_first(ledger: Ledger, db1: FakeMachine) -> None:
    inject(fleet(db1), ledger, "network-down", "db1")
    heal_all(fleet(db1), ledger)
    assert db1.done == [
        "sh -c ip link set dev eth0 down && ip link set dev eth1 down",
        "sh -c ip link set dev eth1 up && ip link set dev eth0 up",
    ]


@pytest.mark.parametrize(
    ("fault", "options", "message"),
    [
        ("earthquake", {}, "no fault 'earthquake'; the faults are power-loss"),
        ("cable-pull", {"network": "public"}, "db1 is not on 'public'; its networks are backend, replication"),
        ("power-loss", {"network": "backend"}, "power-loss has no option 'network'"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_changed(
    fault: str, options: dict[str, str], message: str, ledger: Ledger, db1: FakeMachine
) -> None:
    with pytest.raises(UsageError, match=message):
        inject(fleet(db1), ledger, fault, "db1", options)
    assert db1.done == []
    assert ledger.entries() == []


def test_power_loss_of_a_dead_node_is_refused(ledger: Ledger, db1: FakeMachine) -> None:
    db1.on = False
    with pytest.raises(UsageError, match="already off"):
        inject(fleet(db1), ledger, "power-loss", "db1")
    assert ledger.entries() == []


def test_damaged_record_raises(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write("power-loss", "db1", "db1", {})
    next((tmp_path / "faults").glob("*.json")).write_text("{")
    with pytest.raises(TestbedError, match="not a fault's record"):
        ledger.entries()


def test_a_machine_without_cable_and_power_gets_the_power_only(ledger: Ledger, db1: FakeMachine) -> None:
    inject(fleet(db1), ledger, "cable-pull", "db1", {"network": ["backend"]})
    inject(fleet(db1), ledger, "power-loss", "db1")
    heal_all(fleet(db1), ledger)
    assert db1.done == ["unplug backend", "kill", "start"]


def test_a_machine_that_cannot_be_healed_does_not_keep_the_others_broken(
    ledger: Ledger, db1: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    db2 = FakeMachine("db2", ledger)
    inject(fleet(db1, db2), ledger, "power-loss", "db1")
    inject(fleet(db1, db2), ledger, "power-loss", "db2")

    def no_power() -> None:
        raise TestbedError("no power")

    monkeypatch.setattr(db1, "start", no_power)
    with pytest.raises(TestbedError, match="no power"):
        heal_all(fleet(db1, db2), ledger)
    assert db2.on
    assert [entry.node for entry in ledger.entries()] == ["db1"]


def test_each_step_is_reported_after_its_record_is_on_the_disk(ledger: Ledger, db1: FakeMachine) -> None:
    reported: list[tuple[FaultStep, int, int]] = []

    def report(step: FaultStep) -> None:
        reported.append((step, len(ledger.entries()), len(db1.done)))

    inject(fleet(db1), ledger, "cable-pull", "db1", {"network": "backend"}, on_step=report)
    heal_all(fleet(db1), ledger, on_step=report)
    assert [(step.step, entries, done) for step, entries, done in reported] == [
        ("inject", 1, 0), ("injected", 1, 1), ("heal", 1, 1), ("healed", 0, 2)
    ]  # fmt: skip
    assert {(step.fault, step.node, step.target, step.options["network"]) for step, _, _ in reported} == {
        ("cable-pull", "db1", "db1", "backend")
    }
    assert len({step.key for step, _, _ in reported}) == 1


def test_records_of_older_versions_are_healed(ledger: Ledger, db1: FakeMachine, tmp_path: Path) -> None:
    old = {"key": "1-a", "fault": "cable-pull", "node": "db1", "networks": ["replication"], "wall": 1.0, "pid": 1}
    folder = tmp_path / "faults"
    folder.mkdir()
    (folder / "1-a.json").write_text(json.dumps(old))
    (folder / "2-b.json").write_text(json.dumps({**old, "key": "2-b", "fault": "power-loss"}))
    heal_all(fleet(db1), ledger)
    assert db1.done == ["plug replication"]
    assert ledger.entries() == []


def test_a_record_with_a_faults_former_name_is_healed(ledger: Ledger, db1: FakeMachine) -> None:
    entry = ledger.write("process-stop", "db1", "db1", {"process": "postgres"})
    [renamed] = ledger.entries()
    assert (renamed.key, renamed.fault) == (entry.key, "process-hang")
    heal_all(fleet(db1), ledger)
    assert ledger.entries() == []


def test_the_same_fault_of_the_same_cable_twice_is_refused(ledger: Ledger, db1: FakeMachine) -> None:
    inject(fleet(db1), ledger, "cable-pull", "db1", {"network": "backend"})
    inject(fleet(db1), ledger, "cable-pull", "db1", {"network": "replication"})
    with pytest.raises(UsageError, match=r"cable-pull is in force on db1 already \(backend\)"):
        inject(fleet(db1), ledger, "cable-pull", "db1")
    assert db1.done == ["unplug backend", "unplug replication"]
    assert len(ledger.entries()) == 2
