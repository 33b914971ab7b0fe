"""The machines of a cluster are found by one request to the engine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from docker.models.containers import Container
from fakes import topology

from testbed.cluster.state import observe
from testbed.host import engine
from testbed.machines import Power, network_namespace
from testbed.machines.container import ContainerMachine
from testbed.machines.fleet import Fleet
from testbed.settings import CLUSTER_LABEL, ONEOFF_LABEL, PROJECT_LABEL

LABELS = {PROJECT_LABEL: "testbed", CLUSTER_LABEL: "0123456789abcdef"}


def listed(service: str, number: int = 1) -> Container:
    """A container as the engine lists it: without the fields of an inspection."""
    labels = {**LABELS, ONEOFF_LABEL: "False", "com.docker.compose.service": service}
    labels["com.docker.compose.container-number"] = str(number)
    mounts = [{"Destination": "/run/vm", "Source": f"/run/testbed/x/{service}"}]
    return Container({"Id": service, "Names": [f"/testbed-{service}-{number}"], "Labels": labels, "Mounts": mounts})


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What the engine is asked for."""
    asked: list[dict[str, object]] = []

    def containers(**question: object) -> list[Container]:
        asked.append(question)
        return [listed("lb1"), listed("db1"), listed("app", 2), listed("app", 1), listed("stranger")]

    made = SimpleNamespace(containers=SimpleNamespace(list=containers))
    monkeypatch.setattr(engine, "client", lambda: made)
    return asked


def test_machines_are_listed_by_one_request(requests: list[dict[str, object]]) -> None:
    fleet = Fleet(topology(), Path("/run/testbed/own"), LABELS)
    machines = {machine.name: machine for machine in fleet.machines()}
    assert list(machines) == ["app-1", "app-2", "db1", "lb1"]
    [request] = requests
    assert request["sparse"] is True
    database, app = machines["db1"], machines["app-2"]
    assert database.agent() == Path("/run/testbed/x/db1/agent.sock")
    assert isinstance(app, ContainerMachine)
    assert app.container_name() == "testbed-app-2"


class Inspected:
    """A container that counts the requests for its inspection."""

    def __init__(self, state: str) -> None:
        self.id = "0123"
        self.client = None
        self.attrs: dict[str, object] = {"State": state, "Labels": LABELS}
        self.inspections = 0

    def reload(self) -> None:
        self.inspections += 1
        state = {"Running": True, "Paused": False, "Pid": 42}
        networks = {"testbed_backend": {"IPAddress": "198.18.1.30"}}
        self.attrs = {"State": state, "NetworkSettings": {"Networks": networks}, "Labels": LABELS}


def machine_of(container: Inspected) -> ContainerMachine:
    return ContainerMachine("mail", topology().nodes["mail"], cast("Container", container))


@pytest.mark.parametrize(
    ("state", "power"),
    [
        ("running", Power.ON), ("restarting", Power.ON), ("paused", Power.FROZEN), ("exited", Power.OFF),
        ("created", Power.OFF), ("dead", Power.OFF),
    ],
)  # fmt: skip
def test_a_list_has_the_power_of_each_node(state: str, power: Power) -> None:
    container = Inspected(state)
    assert machine_of(container).listed_power() is power
    assert container.inspections == 0


def test_the_power_that_is_asked_for_is_that_of_now() -> None:
    container = Inspected("exited")
    machine = machine_of(container)
    assert machine.power() is Power.ON
    assert machine.listed_power() is Power.ON  # a list is no longer what it knows last
    assert container.inspections == 2


def test_a_cable_is_found_by_one_inspection(monkeypatch: pytest.MonkeyPatch) -> None:
    link = {"ifname": "eth0", "link_index": 7, "addr_info": [{"local": "198.18.1.30"}]}
    asked: list[object] = []

    def links(namespace: object, helper: object) -> list[dict[str, object]]:
        del helper
        asked.append(namespace)
        return [link]

    monkeypatch.setattr(network_namespace, "links", links)
    container = Inspected("running")
    machine = machine_of(container)
    assert [machine.port("backend"), machine.port("backend")] == ["eth0", "eth0"]
    assert (container.inspections, len(asked)) == (2, 1)


def test_the_state_of_the_cluster_inspects_no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    containers = {name: Inspected("running") for name in ("client", "observer", "gateway")}
    nodes = topology().nodes
    machines = [ContainerMachine(name, nodes[name], cast("Container", each)) for name, each in containers.items()]
    fleet = Fleet.__new__(Fleet)
    monkeypatch.setattr(fleet, "machines", lambda: machines, raising=False)
    assert set(observe(fleet).power.values()) == {Power.ON}
    assert [each.inspections for each in containers.values()] == [0, 0, 0]
