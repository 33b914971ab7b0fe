"""testbed touches only its own things: what others put beside the cluster, on the real engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container
from rich.console import Console

from testbed.cluster import Cluster, lifecycle
from testbed.faults import inject
from testbed.host import engine, identity
from testbed.journal import Leftover, Writer, read
from testbed.machines import packet_rules
from testbed.progress import Progress
from testbed.recorder import record_leftovers, survey_leftovers
from testbed.settings import CLUSTER_LABEL, PROJECT_LABEL

TESTBED = Path(sys.executable).with_name("testbed")


def typed(*arguments: str, status: int = 0, state: Path | None = None) -> str:
    """What a command says on standard error; with another state folder it is another checkout's."""
    environment = os.environ | ({"TESTBED_STATE": str(state)} if state else {})
    done = subprocess.run(
        [TESTBED, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def stranger(cluster: Cluster) -> Iterator[Container]:
    """A project of our name, as Compose in another container makes it: its folder is not here, its data is."""
    client, project = engine.client(), cluster.settings.project
    labels = {PROJECT_LABEL: project, f"{PROJECT_LABEL}.working_dir": "/data/compose/7"}
    volume = client.volumes.create(f"{project}_stranger", labels={PROJECT_LABEL: project})
    container = client.containers.run(
        f"{cluster.settings.images}/client", ["600"], entrypoint="sleep", labels=labels, network_mode="none",
        name=f"{project}-stranger-1", detach=True, volumes={f"{project}_stranger": {"bind": "/data", "mode": "rw"}},
    )  # fmt: skip
    yield container
    container.remove(force=True)
    volume.remove()


def containers(cluster: Cluster) -> set[str]:
    return {str(each.id) for each in engine.client().containers.list(filters={"label": identity.own(cluster.settings)})}


def test_all_that_the_cluster_consists_of_carries_its_identity(cluster: Cluster) -> None:
    api, known = engine.client().api, identity.read(cluster.settings)
    ours = {"label": f"{PROJECT_LABEL}={cluster.settings.project}"}
    found = [
        *api.containers(all=True, filters=ours),
        *api.networks(filters=ours),
        *api.volumes(filters=ours)["Volumes"],
    ]
    assert len(found) > len(cluster.topology.nodes) + len(cluster.topology.networks)
    assert {each["Labels"].get(CLUSTER_LABEL) for each in found} == {known}


@pytest.mark.parametrize("arguments", [("down",), ("down", "--take-over"), ("up",)])
def test_a_strangers_project_of_our_name_is_refused_and_nothing_is_touched(
    cluster: Cluster, stranger: Container, arguments: tuple[str, ...]
) -> None:
    before = containers(cluster)
    assert f"{cluster.settings.project}-stranger-1" in typed(*arguments, status=2)
    stranger.reload()
    assert stranger.status == "running"
    engine.client().volumes.get(f"{cluster.settings.project}_stranger")
    assert containers(cluster) == before


def test_a_stranger_is_not_removed_where_no_cluster_is_ours(
    cluster: Cluster, stranger: Container, tmp_path: Path
) -> None:
    """A state folder without a cluster: the name is a stranger's and a running cluster's, and both stay."""
    before = containers(cluster)
    typed("down", "--take-over", status=2, state=tmp_path)
    stranger.reload()
    assert stranger.status == "running"
    assert containers(cluster) == before


def test_a_deleted_state_folder_does_not_remove_the_cluster(cluster: Cluster, tmp_path: Path) -> None:
    before = containers(cluster)
    for command in ("up", "down"):
        assert "--take-over" in typed(command, status=2, state=tmp_path)
    assert containers(cluster) == before
    assert not (tmp_path / "nodes").exists()


def test_an_exporter_on_the_clusters_network_is_nobodys_leftover(cluster: Cluster, tmp_path: Path) -> None:
    project = cluster.settings.project
    exporter = engine.client().containers.run(
        f"{cluster.settings.images}/client", ["600"], entrypoint="sleep", labels={PROJECT_LABEL: project},
        network=f"{project}_backend", name=f"{project}-exporter-1", detach=True,
    )  # fmt: skip
    try:
        before = survey_leftovers(cluster)
        helper = engine.client().containers.run(
            f"{cluster.settings.images}/client", ["600"], entrypoint="sleep", labels=identity.labels(cluster.settings),
            network_mode="none", detach=True,
        )  # fmt: skip
        try:
            with Writer(tmp_path / "journal.jsonl", "host", run="leftovers") as writer:
                record_leftovers(cluster, writer, before)
        finally:
            helper.remove(force=True)
        left = [each.detail for each in read(tmp_path / "journal.jsonl").of(Leftover)]
        assert left == [f"{helper.name} is not a node of the cluster"]
        assert f"{project}-exporter-1" in typed("down", status=2)
    finally:
        exporter.remove(force=True)


def test_rules_of_a_cut_go_from_the_host_though_their_container_is_gone(cluster: Cluster) -> None:
    inject(cluster.fleet, cluster.ledger, "silent-cut", "app-2", {"network": "backend"})
    assert any(".app-2." in table for table in tables(cluster))
    engine.client().containers.get(f"{cluster.settings.project}-app-2").remove(force=True)
    lifecycle.heal(cluster, Progress(Console(quiet=True)))
    assert tables(cluster) == []
    typed("up")


def test_rules_that_no_record_holds_are_swept(cluster: Cluster) -> None:
    name = packet_rules.host_table(identity.read(cluster.settings), "app-9", "silent-cut-backend-both")
    other = packet_rules.host_table("0123456789abcdef", "app-9", "silent-cut-backend-both")
    for table in (name, other):
        nft(cluster, f"add table netdev {table}")
    try:
        assert tables(cluster) == [name]
        typed("heal")
        assert tables(cluster) == []
        assert other in nft(cluster, "list tables netdev")
    finally:
        nft(cluster, f"delete table netdev {other}")


def tables(cluster: Cluster) -> list[str]:
    listed = [line.split()[-1] for line in nft(cluster, "list tables netdev").splitlines()]
    return [table for table in listed if table.startswith(f"cut.{identity.read(cluster.settings)}.")]


def nft(cluster: Cluster, command: str) -> str:
    """Nft on the host, in a container that is gone afterwards."""
    written = engine.client().containers.run(
        f"{cluster.settings.images}/lb", command.split(), entrypoint="nft", network_mode="host", cap_add=["NET_ADMIN"],
        labels=identity.labels(cluster.settings), remove=True,
    )  # fmt: skip
    return str(written, "utf-8")
