"""The single server beside the cluster: it comes, serves the same users, dies alone, and goes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.cluster.login_check import first_page

TESTBED = Path(sys.executable).with_name("testbed")


def typed(*arguments: str) -> str:
    result = subprocess.run([TESTBED, *arguments], capture_output=True, text=True, check=False, timeout=400)
    assert result.returncode == 0, f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture
def beside(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with the single server; it is taken away again, and no machine of the cluster was touched."""
    before = {machine.name: machine.started_at() for machine in cluster.fleet.machines()}
    try:
        typed("up", "--overlay", "single")
        yield Cluster(cluster.settings)
    finally:
        typed("up", "--overlay", "none")
    assert {machine.name: machine.started_at() for machine in cluster.fleet.machines()} == before
    assert "single" not in json.loads(typed("status", "--json"))["power"]


def test_it_serves_the_same_users_and_dies_alone(beside: Cluster) -> None:
    document = json.loads(typed("status", "--json"))
    assert document["healthy"]
    [state] = document["single"]
    assert (state["apache"], state["database"]) == (True, True)
    assert "balancer= app=single" in first_page(beside, site="single")
    single = beside.machine("single")
    ports = single.system.listening_ports(single.exec(["sh", "-c", single.system.list_listeners()]).stdout)
    assert set(ports) == {80, 443}, "nothing but the site may listen: MariaDB has a socket"

    typed("fault", "power-loss", "single")
    try:
        [client] = [machine for machine in beside.fleet.machines() if machine.name == "client"]
        visit = ["python3", "-m", "testbed.probes.login", "--user", "user02", "--base"]
        assert client.exec([*visit, "https://single.testbed.test"], timeout=60).status == 1
        assert client.exec([*visit, f"https://{beside.topology.site.name}"], timeout=60).status == 0
    finally:
        typed("heal")
    assert "app=single" in first_page(beside, "user02", site="single")
