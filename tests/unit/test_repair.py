"""A split brain: when it may be resolved, in which order, and what each side has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from test_health import TOPOLOGY

from testbed.cluster import Cluster, discarded_copies, split_brain_repair
from testbed.cluster.split_brain_repair import Side, Sides
from testbed.designs.drbd import split_brain
from testbed.designs.drbd.drbd_state import DrbdState
from testbed.errors import TestbedError, UsageError
from testbed.machines import ExecResult


def database(node: str, connection: str = "StandAlone", *, serving: bool = False, reachable: bool = True) -> DrbdState:
    role = "Primary" if serving else "Secondary"
    return DrbdState(
        node, reachable, holds_address=serving, postgres=serving, carp=True, drbd_role=role, drbd_connection=connection,
        drbd_disks="UpToDate/DUnknown", mounted=serving,
    )  # fmt: skip


@dataclass
class FakeCluster:
    """Two database nodes that record their commands, in order."""

    one: DrbdState
    other: DrbdState
    faults: list[object] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    topology = TOPOLOGY

    @property
    def ledger(self) -> SimpleNamespace:
        return SimpleNamespace(entries=lambda: self.faults)

    def state(self) -> SimpleNamespace:
        both = (self.one, self.other)
        serving = [each.node for each in both if each.serving]
        return SimpleNamespace(
            databases=both, primary_database=serving[0] if len(serving) == 1 else None,
            split_brain=any(each.drbd_connection == "StandAlone" for each in both),
        )  # fmt: skip

    def machine(self, name: str) -> SimpleNamespace:
        def run(command: list[str]) -> ExecResult:
            self.commands.append(f"{name}: {command[-1]}")
            if command == ["resign"]:
                self.one, self.other = database("db1"), database("db2", serving=True)
            return ExecResult(0, "", "")

        return SimpleNamespace(exec=run, name=name)


def cluster(one: DrbdState, other: DrbdState, *faults: object) -> Cluster:
    return cast("Cluster", FakeCluster(one, other, list(faults)))


@pytest.mark.parametrize(
    ("it", "keep", "message"),
    [
        (cluster(database("db1", "Connected", serving=True), database("db2", "Connected")), "", "no split brain"),
        (cluster(database("db1", serving=True), database("db2")), "db3", "'db3' is not a database node"),
        (
            cluster(database("db1", serving=True), database("db2"), SimpleNamespace(fault="freeze", node="db2")), "",
            "freeze on db2 is still in force",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_resolved_is_refused(it: Cluster, keep: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        split_brain_repair.sides(it, keep)
    assert cast("FakeCluster", it).commands == []


def test_a_side_that_does_not_answer_is_not_given_up() -> None:
    with pytest.raises(TestbedError, match="db2: it does not answer") as refused:
        split_brain_repair.sides(cluster(database("db1", serving=True), database("db2", reachable=False)))
    assert refused.value.exit_status == TestbedError.exit_status


def test_the_one_that_serves_is_kept_unless_the_other_is_named() -> None:
    it = cluster(database("db1", serving=True), database("db2"))
    assert split_brain_repair.sides(it) == Sides("db1", "db2")
    assert split_brain_repair.sides(it, "db2") == Sides("db2", "db1")


def test_the_copy_is_made_before_anything_is_overwritten(monkeypatch: pytest.MonkeyPatch) -> None:
    it = FakeCluster(database("db1", serving=True), database("db2"))

    def keep(_: object, node: str, __: str) -> Path:
        it.commands.append(f"copy of {node}")
        return Path("copy.qcow2")

    monkeypatch.setattr(discarded_copies, "keep", keep)
    which = Sides("db2", "db1")
    split_brain_repair.separate(cast("Cluster", it), which)
    split_brain_repair.reunite(cast("Cluster", it), which)
    assert it.commands == [
        "db1: resign",
        f"db1: {split_brain.DISCONNECT}",
        "copy of db1",
        f"db1: {split_brain.DISCARD}",
        f"db2: {split_brain.RECONNECT}",
    ]


def test_what_each_side_alone_has() -> None:
    one = Side("db1", "DRBD", "A:B", {"both": 1.0, "mine": 2.0}, {"turba_objects": 3, "horde_prefs": 7})
    other = Side(
        "db2", "DRBD", "C:B", {"both": 1.0, "theirs": 3.0, "later": 4.0}, {"turba_objects": 4, "horde_prefs": 7}
    )
    assert one.alone(other) == {"mine": 2.0}
    assert other.alone(one) == {"theirs": 3.0, "later": 4.0}
    assert one.differing(other) == other.differing(one) == ["turba_objects"]
