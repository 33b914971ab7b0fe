"""Where the rules of a silent cut stand, and that taking them away asks nothing of what is gone."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from docker import DockerClient
from docker.models.containers import Container
from engines import FakeEngine
from fakes import FakeFleet, FakeMachine, fleet, topology

from testbed.faults import Ledger, heal
from testbed.machines import packet_rules
from testbed.machines.container import ContainerMachine
from testbed.machines.virtual import VirtualMachine
from testbed.settings import CLUSTER_LABEL, PROJECT_LABEL

DELETED = "table netdev {0}\ndelete table netdev {0}\n"


class Engine:
    """A container that runs or does not, and what nft was given beside it."""

    def __init__(self, *, running: bool) -> None:
        self.id = "c0ffee"
        self.labels = {PROJECT_LABEL: "mine", CLUSTER_LABEL: "c1"}
        self.attrs = {"State": {"Running": running, "Paused": False}}
        self.given: list[tuple[str, str]] = []
        self.client = SimpleNamespace(containers=self)

    def reload(self) -> None:
        """Nothing has changed."""

    def run(self, _image: str, command: list[str], *, network_mode: str, **_: object) -> bytes:
        self.given.append((network_mode, command[0]))
        return b""


def container(engine: Engine) -> Container:
    return cast("Container", engine)


@pytest.fixture
def without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's containers do what root would do."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_rules_beside_a_vm_that_has_no_power_are_gone_with_its_container(tmp_path: Path) -> None:
    engine = Engine(running=False)
    VirtualMachine("db1", topology().nodes["db1"], container(engine), tmp_path).pass_packets("one")
    assert engine.given == []


@pytest.mark.usefixtures("without_root")
def test_rules_beside_a_vm_that_runs_are_taken_away_in_its_container(tmp_path: Path) -> None:
    engine = Engine(running=True)
    VirtualMachine("db1", topology().nodes["db1"], container(engine), tmp_path).pass_packets("one")
    assert engine.given == [("container:c0ffee", DELETED.format("one"))]


@pytest.mark.usefixtures("without_root")
def test_rules_of_a_container_stand_on_the_host_and_outlive_its_power() -> None:
    engine = Engine(running=False)
    ContainerMachine("lb1", topology().nodes["lb1"], container(engine)).pass_packets("one")
    assert engine.given == [("host", DELETED.format("cut.c1.lb1.one"))]


def test_a_sweep_finds_a_clusters_tables_by_its_identity() -> None:
    engine = FakeEngine()
    engine.tables = ["cut.c1.lb1.one", "cut.c1.lb10.one", "cut.c12.lb1.one", "filter"]
    labels = {PROJECT_LABEL: "mine", CLUSTER_LABEL: "c1"}
    assert packet_rules.delete_host_tables(cast("DockerClient", engine), "mine/lb", labels, "lb1") == ["cut.c1.lb1.one"]
    assert packet_rules.delete_host_tables(cast("DockerClient", engine), "mine/lb", labels) == ["cut.c1.lb10.one"]
    assert engine.tables == ["cut.c12.lb1.one", "filter"]
    assert [labels for _, labels in engine.ran] == [labels, labels]


def test_root_sweeps_with_the_hosts_nft_where_the_image_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nft").write_text(
        '#!/bin/sh\ncase "$1" in\nlist) printf "table netdev %s\\n" cut.c1.lb1.one cut.c12.lb1.one ;;\n'
        f'*) echo "$@" >>{tmp_path}/done ;;\nesac\n'
    )
    (tmp_path / "nft").chmod(0o755)
    monkeypatch.setattr(packet_rules, "host_environment", lambda: {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    engine = FakeEngine()
    engine.no_images = {"mine/lb"}
    labels = {PROJECT_LABEL: "mine", CLUSTER_LABEL: "c1"}
    assert packet_rules.delete_host_tables(cast("DockerClient", engine), "mine/lb", labels) == ["cut.c1.lb1.one"]
    assert (tmp_path / "done").read_text() == "delete table netdev cut.c1.lb1.one\n"
    assert engine.ran == []
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(packet_rules.NoNftError, match=r"begin with cut\.c1\.lb1\."):
        packet_rules.delete_host_tables(cast("DockerClient", engine), "mine/lb", labels, "lb1")


def test_healing_a_node_whose_container_is_gone_takes_its_rules_from_the_host(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    entry = ledger.write("silent-cut", "app-2", "app-2", {"network": "backend"})
    nodes = fleet(FakeMachine("app-1", ledger))
    heal(nodes, ledger, entry)
    assert cast("FakeFleet", nodes).swept == ["app-2"]
    assert ledger.entries() == []
