"""The steps of an incident on a fake cluster: what each does to the nodes, the ledger and the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from fakes import FakeMachine, fleet, topology

from testbed.cluster import Cluster
from testbed.designs.design_registry import DEFAULT
from testbed.designs.drbd.drbd_aspect import DrbdAspect
from testbed.errors import UsageError
from testbed.faults import Ledger
from testbed.incidents.incident_model import Step
from testbed.incidents.live_state import LiveState
from testbed.incidents.run import Run
from testbed.incidents.runner import take_step
from testbed.journal import Aspect, FaultStep, Mark, RunPlan, StateChange, Writer, read

NODES = ("app-1", "app-2", "lb1", "lb2", "db1", "db2")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


@pytest.fixture
def machines(ledger: Ledger) -> dict[str, FakeMachine]:
    return {name: FakeMachine(name, ledger) for name in NODES}


@pytest.fixture
def run(tmp_path: Path, ledger: Ledger, machines: dict[str, FakeMachine]) -> Iterator[Run]:
    """A run in its steady state: lb1 is active, db1 primary."""
    nodes = fleet(*machines.values())
    cluster = SimpleNamespace(
        settings=SimpleNamespace(state_dir=tmp_path), fleet=nodes, ledger=ledger, platform={}, topology=topology()
    )
    begun = Run(cast("Cluster", cluster), "steps", plan=RunPlan("steps", {}, 7))
    path = tmp_path / "journal.jsonl"
    begun.writer = Writer(path, "host", run="steps")
    begun.live = LiveState(path, DEFAULT)
    begun._recorder = SimpleNamespace(sync=lambda _: None)  # type: ignore[assignment]
    for name in NODES:
        begun.writer.write(StateChange(name, Aspect.POWER, "on", 1.0))
    begun.writer.write(StateChange("lb1", Aspect.SITE_ADDRESS, "held", 1.0))
    begun.writer.write(StateChange("db1", DrbdAspect.ROLE, "Primary", 1.0))
    begun.writer.write(StateChange("db2", DrbdAspect.ROLE, "Secondary", 1.0))
    yield begun
    begun.writer.close()


def take(run: Run, *steps: dict[str, object]) -> list[str]:
    """Take steps, and return what was printed."""
    printed: list[str] = []
    for number, step in enumerate(steps, 1):
        assert take_step(run, Step.model_validate(step), number, 0.0, printed.append)
    return printed


def faults(tmp_path: Path) -> list[tuple[str, str, str]]:
    journal = read(tmp_path / "journal.jsonl")
    return [(each.step, each.fault, each.node) for each in journal.of(FaultStep)]


def test_a_drained_node_is_on_record_until_it_is_undrained(
    run: Run, tmp_path: Path, ledger: Ledger, machines: dict[str, FakeMachine]
) -> None:
    take(run, {"drain": "app-1"})
    assert machines["lb2"].done == ["pool-member --until-boot drain webmail app-1"]
    assert [(entry.fault, entry.node) for entry in ledger.entries()] == [("drain", "app-1")]
    take(run, {"undrain": "app-1"})
    assert machines["lb2"].done[-1] == "pool-member --until-boot enable webmail app-1"
    assert ledger.entries() == []
    assert [step for step, *_ in faults(tmp_path)] == ["inject", "injected", "heal", "healed"]


def test_app_any_is_undrained_by_the_same_target(run: Run, ledger: Ledger) -> None:
    printed = take(run, {"drain": "app:any"})
    [entry] = ledger.entries()
    assert any(f"app:any is {entry.node}" in line for line in printed)
    take(run, {"undrain": "app:any"})
    assert ledger.entries() == []
    with pytest.raises(UsageError, match="'app:any' is not drained; drained: none"):
        take(run, {"undrain": "app:any"})


def test_heal_all_undoes_drains_too(run: Run, ledger: Ledger) -> None:
    take(run, {"drain": "app-1"}, {"inject": "freeze", "target": "lb:standby", "id": "cold"}, {"heal": "all"})
    assert ledger.entries() == []
    with pytest.raises(UsageError, match="'app-1' is not drained"):
        run.undrain("app-1")


def test_a_node_that_resigns_leaves_nothing_to_heal(
    run: Run, tmp_path: Path, ledger: Ledger, machines: dict[str, FakeMachine]
) -> None:
    printed = take(run, {"resign": "db:primary"})
    assert machines["db1"].done == ["resign"]
    assert any("db:primary is db1" in line for line in printed)
    assert ledger.entries() == []
    assert faults(tmp_path) == [(step, "resign", "db1") for step in ("inject", "injected", "heal", "healed")]
    run.live.update()
    assert run.live.victim == "db1"


def test_a_fault_is_healed_by_its_id(run: Run, ledger: Ledger, machines: dict[str, FakeMachine]) -> None:
    take(run, {"inject": "freeze", "target": "lb:active", "id": "cold"}, {"sleep": "1ms"})
    assert [entry.node for entry in ledger.entries()] == ["lb1"]
    take(run, {"heal": "cold"})
    assert ledger.entries() == []
    assert machines["lb1"].done == ["pause", "unpause"]


def test_each_step_is_marked_with_its_text(run: Run, tmp_path: Path) -> None:
    take(run, {"resign": "lb:active"}, {"sleep": "1ms"})
    marks = [mark for mark in read(tmp_path / "journal.jsonl").of(Mark) if mark.name == "step"]
    assert [mark.attrs["text"] for mark in marks] == ["resign lb:active", "sleep 1ms"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("served", "the condition 'served' was renamed; write 'service'"),
        ("taken-over", "the condition 'taken-over' was renamed; write 'failed-over'"),
        ("nonsense", "no condition 'nonsense'; there are healthy, copies-verified, service, no-service, failed-over"),
    ],
)
def test_a_former_condition_is_answered_with_the_new_one(run: Run, condition: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run.wait(condition)
