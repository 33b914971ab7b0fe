"""The machines of a cluster are found by one request to the engine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from docker.models.containers import Container
from fakes import topology

from testbed.host import engine
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
