"""A Docker network that someone disconnected by hand: testbed reports it, and connects the node again."""

from __future__ import annotations

import subprocess

import pytest

from testbed.cluster import Cluster, complaints, lifecycle


@pytest.mark.parametrize(("node", "network"), [("client", "public"), ("db:standby", "backend")])
def test_a_disconnected_network_is_reported_and_connected_again(cluster: Cluster, node: str, network: str) -> None:
    name = node
    if node == "db:standby":
        state = cluster.state()
        [name] = {each.node for each in state.databases} - {state.primary_database}
    labels = {"com.docker.compose.project": cluster.settings.project, "com.docker.compose.service": name}
    container = subprocess.run(
        ["docker", "ps", "--quiet", *(f"--filter=label={key}={value}" for key, value in labels.items())],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    subprocess.run(["docker", "network", "disconnect", f"{cluster.settings.project}_{network}", container], check=True)
    report = f"{name} is not connected to the Docker network {network}"
    assert report in complaints(cluster.state(), cluster.topology)
    lifecycle.make_healthy(cluster)
    assert complaints(cluster.state(), cluster.topology) == []
