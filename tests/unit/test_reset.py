"""`testbed reset`: what it deletes, in which order, and when it is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console
from typer.testing import CliRunner

from testbed.cli import reset as command
from testbed.cluster import Cluster, lifecycle, project, reset
from testbed.cluster.unfinished_disks import DiskChange, must_have_complete_disks
from testbed.errors import TestbedError, UsageError
from testbed.faults.ledger import Ledger
from testbed.host import engine, project_owner
from testbed.progress import Progress
from testbed.settings import load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster with a fault, whose nodes are only in the list of what was done."""
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    monkeypatch.chdir(ROOT)
    made = Cluster(load())
    made.ledger.write("freeze", "db1", "db1", {})
    monkeypatch.setattr(project, "exists", lambda _: True)
    return made


@pytest.fixture
def done(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in sequence."""
    steps: list[str] = []

    def remove_nodes(_: str) -> None:
        steps.append(f"removed, note={DiskChange.RESET.note(cluster.settings).exists()}")

    def up(_: Cluster, __: Progress, *, keep: bool) -> None:
        must_have_complete_disks(cluster.settings)
        steps.append(f"up, keep={keep}, faults={len(cluster.ledger.entries())}")

    monkeypatch.setattr(project, "remove_nodes", remove_nodes)
    monkeypatch.setattr(lifecycle, "up", up)
    return steps


def test_nodes_go_with_their_faults_before_new_ones_start(cluster: Cluster, done: list[str]) -> None:
    DiskChange.RESTORE.note(cluster.settings).touch()
    reset.reset(cluster, Progress(Console(quiet=True)))
    assert done == ["removed, note=True", "up, keep=True, faults=0"]
    assert not DiskChange.RESTORE.note(cluster.settings).exists()


def test_a_reset_that_was_cut_off_is_completed_by_the_next(
    cluster: Cluster, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> None:
        raise TestbedError("the engine ended")

    DiskChange.RESTORE.note(cluster.settings).touch()

    with monkeypatch.context() as patch:
        patch.setattr(project, "remove_nodes", fail)
        with pytest.raises(TestbedError, match="the engine ended"):
            reset.reset(cluster, Progress(Console(quiet=True)))
    with pytest.raises(UsageError, match="a reset was cut off"):
        must_have_complete_disks(cluster.settings)
    monkeypatch.setattr(project, "exists", lambda _: False)
    reset.must_be_resettable(cluster)
    reset.reset(cluster, Progress(Console(quiet=True)))
    assert done[-1] == "up, keep=True, faults=0"


def test_down_forgets_a_reset_that_was_cut_off(cluster: Cluster) -> None:
    DiskChange.RESET.note(cluster.settings).touch()
    lifecycle.forget(cluster.settings)
    must_have_complete_disks(cluster.settings)


def test_without_a_cluster_nothing_is_reset(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "exists", lambda _: False)
    with pytest.raises(UsageError, match="no cluster is up"):
        reset.must_be_resettable(cluster)


def test_the_command_asks_before_it_deletes(cluster: Cluster, done: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "client", lambda: None)
    ours = cast("Any", SimpleNamespace(must_be_ours=lambda: None, must_be_alone=lambda: None))
    monkeypatch.setattr(project_owner, "claim", lambda *_: ours)
    refused = CliRunner().invoke(command.app, [])
    assert isinstance(refused.exception, UsageError)
    assert "--yes" in str(refused.exception)
    assert done == []
    assert Ledger(cluster.settings.state_dir / "faults").entries()
    assert CliRunner().invoke(command.app, ["--yes"]).exit_code == 0
    assert done == ["removed, note=True", "up, keep=True, faults=0"]
