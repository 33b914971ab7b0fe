"""Where the rules of a silent cut stand, and that taking them away asks nothing of what is gone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from docker.models.containers import Container
from fakes import topology

from testbed.machines.container import ContainerMachine
from testbed.machines.virtual import VirtualMachine
from testbed.settings import PROJECT_LABEL

DELETED = "table netdev {0}\ndelete table netdev {0}\n"


class Engine:
    """A container that runs or does not, and what nft was given beside it."""

    def __init__(self, *, running: bool) -> None:
        self.id = "c0ffee"
        self.labels = {PROJECT_LABEL: "mine"}
        self.attrs = {"State": {"Running": running, "Paused": False}}
        self.given: list[tuple[str, str]] = []
        self.client = SimpleNamespace(containers=self)

    def reload(self) -> None:
        """Nothing has changed."""

    def run(self, _image: str, command: list[str], *, network_mode: str, **_: object) -> None:
        self.given.append((network_mode, command[0]))


def container(engine: Engine) -> Container:
    return cast("Container", engine)


def test_rules_beside_a_vm_that_has_no_power_are_gone_with_its_container(tmp_path: Path) -> None:
    engine = Engine(running=False)
    VirtualMachine("db1", topology().nodes["db1"], container(engine), tmp_path).let_pass("one")
    assert engine.given == []


def test_rules_beside_a_vm_that_runs_are_taken_away_in_its_container(tmp_path: Path) -> None:
    engine = Engine(running=True)
    VirtualMachine("db1", topology().nodes["db1"], container(engine), tmp_path).let_pass("one")
    assert engine.given == [("container:c0ffee", DELETED.format("one"))]


def test_rules_of_a_container_stand_on_the_host_and_outlive_its_power() -> None:
    engine = Engine(running=False)
    ContainerMachine("lb1", topology().nodes["lb1"], container(engine)).let_pass("one")
    assert engine.given == [("host", DELETED.format("cut.mine.lb1.one"))]
