"""The ledger: a fault is on disk before it is injected, and healed whatever happened in between."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from testbed.errors import TestbedError, UsageError
from testbed.faults import Ledger, heal_all, inject
from testbed.machines import ExecResult, Fleet, Power
from testbed.topology import Role


class Recorder:
    """A machine that remembers what was done to it, and what the ledger held at that moment."""

    def __init__(self, name: str, ledger: Ledger) -> None:
        self.name = name
        self.node = SimpleNamespace(
            addresses={"backend": IPv4Address("198.18.1.21"), "replication": None}, role=Role.DATABASE
        )
        self.ledger = ledger
        self.done: list[str] = []
        self.on = True
        self.recorded_before: list[bool] = []

    def _do(self, what: str) -> None:
        self.done.append(what)
        self.recorded_before.append(bool(self.ledger.entries()))

    def power(self) -> Power:
        return Power.ON if self.on else Power.OFF

    def ready(self) -> bool:
        return self.on

    def kill(self) -> None:
        self._do("kill")
        self.on = False

    def start(self) -> None:
        self._do("start")
        self.on = True

    def unplug(self, network: str) -> None:
        self._do(f"unplug {network}")

    def plug(self, network: str) -> None:
        self._do(f"plug {network}")

    def interface(self, network: str) -> str:
        return {"backend": "eth0", "replication": "eth1"}[network]

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:  # noqa: ARG002
        self._do(" ".join(command))
        return ExecResult(0, "", "")


class Machines(dict[str, Any]):
    """A fleet of recorders."""

    def machines(self) -> list[Any]:
        return list(self.values())


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


@pytest.fixture
def db1(ledger: Ledger) -> Recorder:
    return Recorder("db1", ledger)


def fleet(*machines: Recorder) -> Fleet:
    return cast("Fleet", Machines({machine.name: machine for machine in machines}))


@pytest.mark.parametrize("fault", ["power-loss", "cable-pull", "network-down", "resign"])
def test_written_down_before_it_is_injected(fault: str, ledger: Ledger, db1: Recorder) -> None:
    inject(fleet(db1), ledger, fault, "db1")
    assert db1.done
    assert all(db1.recorded_before)
    assert [(entry.fault, entry.node) for entry in ledger.entries()] == [(fault, "db1")]


def test_healed_by_another_process_from_the_disk(ledger: Ledger, db1: Recorder, tmp_path: Path) -> None:
    inject(fleet(db1), ledger, "cable-pull", "db1", ["replication"])
    heal_all(fleet(db1), Ledger(tmp_path / "faults"))
    assert db1.done == ["unplug replication", "plug replication"]
    assert ledger.entries() == []


def test_a_promise_is_kept_until_healing_succeeded(
    ledger: Ledger, db1: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    inject(fleet(db1), ledger, "power-loss", "db1")

    def no_power() -> None:
        raise TestbedError("no power")

    monkeypatch.setattr(db1, "start", no_power)
    with pytest.raises(TestbedError):
        heal_all(fleet(db1), ledger)
    assert len(ledger.entries()) == 1


def test_healing_twice_or_after_a_restart_changes_nothing(ledger: Ledger, db1: Recorder) -> None:
    inject(fleet(db1), ledger, "power-loss", "db1")
    db1.on = True  # somebody started it by hand
    heal_all(fleet(db1), ledger)
    heal_all(fleet(db1), ledger)
    assert db1.done == ["kill"]


def test_a_node_that_is_gone_took_its_fault_along(ledger: Ledger, db1: Recorder) -> None:
    inject(fleet(db1), ledger, "power-loss", "db1")
    heal_all(fleet(), ledger)
    assert ledger.entries() == []


def test_network_falls_with_one_command_and_replication_returns_first(ledger: Ledger, db1: Recorder) -> None:
    inject(fleet(db1), ledger, "network-down", "db1")
    heal_all(fleet(db1), ledger)
    assert db1.done == [
        "sh -c ip link set dev eth0 down && ip link set dev eth1 down",
        "sh -c ip link set dev eth1 up && ip link set dev eth0 up",
    ]


@pytest.mark.parametrize(
    ("fault", "networks", "message"),
    [
        ("earthquake", (), "no fault 'earthquake'; the faults are power-loss"),
        ("cable-pull", ("public",), "db1 is not on 'public'; its networks are backend, replication"),
    ],
)
def test_nonsense_is_refused_and_nothing_is_changed(
    fault: str, networks: tuple[str, ...], message: str, ledger: Ledger, db1: Recorder
) -> None:
    with pytest.raises(UsageError, match=message):
        inject(fleet(db1), ledger, fault, "db1", networks)
    assert db1.done == []
    assert ledger.entries() == []


def test_power_loss_of_a_dead_node_is_refused(ledger: Ledger, db1: Recorder) -> None:
    db1.on = False
    with pytest.raises(UsageError, match="already off"):
        inject(fleet(db1), ledger, "power-loss", "db1")
    assert ledger.entries() == []


def test_damaged_record_is_told(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write("power-loss", "db1", ())
    next((tmp_path / "faults").glob("*.json")).write_text("{")
    with pytest.raises(TestbedError, match="not a fault's record"):
        ledger.entries()


def test_a_machine_without_cable_and_power_gets_the_power_only(ledger: Ledger, db1: Recorder) -> None:
    inject(fleet(db1), ledger, "cable-pull", "db1", ["backend"])
    inject(fleet(db1), ledger, "power-loss", "db1")
    heal_all(fleet(db1), ledger)
    assert db1.done == ["unplug backend", "kill", "start"]


def test_a_machine_that_cannot_be_healed_does_not_keep_the_others_broken(
    ledger: Ledger, db1: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    db2 = Recorder("db2", ledger)
    inject(fleet(db1, db2), ledger, "power-loss", "db1")
    inject(fleet(db1, db2), ledger, "power-loss", "db2")

    def no_power() -> None:
        raise TestbedError("no power")

    monkeypatch.setattr(db1, "start", no_power)
    with pytest.raises(TestbedError, match="no power"):
        heal_all(fleet(db1, db2), ledger)
    assert db2.on
    assert [entry.node for entry in ledger.entries()] == ["db1"]
