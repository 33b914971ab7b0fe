"""Whose the project's name is, and that nothing but the cluster's own is removed."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import docker
import pytest
from engines import CLUSTER, FOLDER, PROJECT, FakeEngine
from fakes import FakeFleet, fleet
from rich.console import Console
from ruamel.yaml import YAML
from typer.testing import CliRunner

from testbed.cli.main import app
from testbed.cli.up import bring_up
from testbed.cluster import Cluster, lifecycle, project
from testbed.cluster.shape import Shape
from testbed.cluster.up_options import UpOptions
from testbed.errors import UsageError
from testbed.faults import Ledger
from testbed.host import doctor, engine, identity, project_owner
from testbed.host.host_check import CheckLevel
from testbed.host.project_owner import Owner
from testbed.progress import Progress
from testbed.settings import Settings, load
from testbed.yaml_source import dump

BUILT = {"org.testbed.inputs": "abc"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    folders = {"TESTBED_STATE": str(tmp_path / "state"), "TESTBED_RUN": "/run/testbed-of-a-test"}
    return load({"TESTBED_ACCEL": "tcg"} | folders, Path(__file__).parent)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """The engine, which all of testbed talks to."""
    made = FakeEngine()
    monkeypatch.setattr(engine, "client", lambda *_, **__: made)
    monkeypatch.setattr(engine, "ensure", lambda *_: made)
    return made


def owner(there: FakeEngine, settings: Settings) -> project_owner.NameClaim:
    return project_owner.claim(cast("docker.DockerClient", there), settings)


def a_cluster(there: FakeEngine, labels: dict[str, str], state: str = "running") -> None:
    """A node, a network and a volume."""
    there.add("container", "testbed-lb1-1", labels | BUILT, state=state, networks=["testbed_public"])
    there.add("network", "testbed_public", {key: labels[key] for key in labels if key != FOLDER})
    there.add("volume", "testbed_db1-disk", {key: labels[key] for key in labels if key != FOLDER})


def ours(settings: Settings) -> dict[str, str]:
    return {PROJECT: "testbed", CLUSTER: identity.ensure(settings), FOLDER: str(settings.topology.parent)}


def portainer(there: FakeEngine) -> None:
    """A project of our name whose folder is in another container, with data of its own."""
    theirs = {PROJECT: "testbed", FOLDER: "/data/compose/7"} | BUILT  # an image of ours proves nothing
    there.add("container", "testbed-db-1", theirs).add("volume", "testbed_data", {PROJECT: "testbed"})


# --- the identity ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "0123", "not an identity"])
def test_a_damaged_identity_is_named_and_not_taken_for_a_cluster_without_nodes(
    settings: Settings, content: str
) -> None:
    settings.state_dir.mkdir(parents=True)
    (settings.state_dir / identity.FILE).write_text(content)
    with pytest.raises(UsageError, match=r"cluster-id: the file holds no cluster identity.*docker ps -a"):
        _ = Cluster(settings).fleet


def test_the_identity_stays_until_it_is_forgotten(settings: Settings) -> None:
    assert identity.read(settings) == ""
    made = identity.ensure(settings)
    assert (len(made), identity.ensure(settings), identity.read(settings)) == (16, made, made)
    assert [each.name for each in settings.state_dir.iterdir()] == [identity.FILE]
    identity.forget(settings)
    assert identity.ensure(settings) != made


def test_a_damaged_identity_matches_nothing_and_is_replaced(settings: Settings) -> None:
    settings.state_dir.mkdir()
    (settings.state_dir / identity.FILE).write_text("")
    assert identity.read(settings) == ""
    assert f"{CLUSTER}=none" in identity.own(settings)
    assert len(identity.ensure(settings)) == 16


# --- a project of our name that testbed did not make ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["container", "network", "volume"])
def test_a_strangers_resource_of_any_kind_is_refused(settings: Settings, there: FakeEngine, kind: str) -> None:
    identity.ensure(settings)
    there.add(kind, "testbed_x", {PROJECT: "testbed"})
    claim = owner(there, settings)
    assert (claim.owner, claim.clusters) == (Owner.FOREIGN, frozenset())
    assert f"the {kind} testbed_x has no label org.testbed.cluster" in claim.what
    assert "COMPOSE_PROJECT_NAME" in claim.fix
    with pytest.raises(UsageError):
        claim.must_be_ours(take_over=True)


@pytest.mark.parametrize("arguments", [["down"], ["down", "--take-over"]])
def test_down_leaves_a_strangers_container_and_volume(
    settings: Settings, there: FakeEngine, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("TESTBED_STATE", str(settings.state_dir))
    portainer(there)
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_status == 2
    assert there.names() == ["testbed-db-1", "testbed_data"]
    assert there.ran == []


def test_down_of_our_cluster_beside_a_stranger_touches_neither(
    settings: Settings, there: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTBED_STATE", str(settings.state_dir))
    a_cluster(there, ours(settings))
    portainer(there)
    assert isinstance(CliRunner().invoke(app, ["down"]).exception, UsageError)
    assert len(there.things) == 5
    assert identity.read(settings)


def test_up_refuses_a_strangers_project_before_anything_is_made(settings: Settings, there: FakeEngine) -> None:
    portainer(there)
    # All that is foreign is named at once.
    what = "another project is named testbed: the container testbed-db-1 and the volume testbed_data have no label"
    with pytest.raises(UsageError, match=what):
        bring_up(settings, UpOptions(), take_over=True)
    assert there.names() == ["testbed-db-1", "testbed_data"]
    assert not settings.state_dir.exists()


def test_doctor_prints_what_up_would(settings: Settings, there: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    portainer(there)
    monkeypatch.setattr(doctor, "_machine", lambda *_: iter(()))
    [finding] = [each for each in doctor.examine(settings) if each.name == "project"]
    assert finding.status is CheckLevel.FAIL
    assert (finding.what, finding.fix) == (owner(there, settings).what, owner(there, settings).fix)
    assert "testbed up" not in finding.fix


def test_a_volume_without_labels_that_has_a_name_of_ours_is_refused(there: FakeEngine) -> None:
    client = cast("docker.DockerClient", there)
    there.add("volume", "testbed_db1-disk", {CLUSTER: "c1"}).add("volume", "other", {})
    project_owner.must_have_names(client, ["testbed_db1-disk"], ["c1"])
    with pytest.raises(UsageError, match="the volume testbed_db1-disk is there already"):
        project_owner.must_have_names(client, ["testbed_db1-disk"], [""])
    there.add("volume", "testbed_db2-disk", {})
    with pytest.raises(UsageError, match="db2-disk"):
        project_owner.must_have_names(client, ["testbed_db1-disk", "testbed_db2-disk"], ["c1"])
    both = (
        "the volume testbed_db1-disk and the volume testbed_db2-disk are there already, and testbed did not make them"
    )
    with pytest.raises(UsageError, match=both):
        project_owner.must_have_names(client, ["testbed_db1-disk", "testbed_db2-disk"], [""])


# --- testbed's own ---------------------------------------------------------------------------------------------


def test_our_cluster_is_ours_and_down_removes_it_and_its_rules(settings: Settings, there: FakeEngine) -> None:
    a_cluster(there, ours(settings))
    known = identity.read(settings)
    there.add("container", "probe", {"org.testbed.probe": "kvm", CLUSTER: known})
    there.add("container", "others-probe", {"org.testbed.probe": "kvm", CLUSTER: "c2"})
    there.tables = [f"cut.{known}.lb1.silent-cut-public-both", "cut.c2.lb1.silent-cut-public-both", "filter"]
    assert owner(there, settings).owner is Owner.OURS
    lifecycle.down(settings)
    assert there.names() == ["others-probe"]
    assert there.tables == ["cut.c2.lb1.silent-cut-public-both", "filter"]
    assert identity.read(settings) == ""
    assert owner(there, settings).owner is Owner.NONE


@pytest.mark.parametrize(
    ("set_to", "made_with", "image"),
    [
        ("testbed", "testbed", "sha256:testbed/lb"),  # it has lost its name
        ("other", "testbed", "sha256:testbed/lb"),  # TESTBED_IMAGES was another
        ("other", "mine/testbed/lb-openbsd", "mine/testbed/lb"),
        ("other", "mine/lb:latest", "sha256:mine/lb:latest"),
    ],
)
def test_down_removes_rules_though_the_image_has_another_name(
    settings: Settings, there: FakeEngine, set_to: str, made_with: str, image: str
) -> None:
    a_cluster(there, ours(settings))
    there.things[0].image = made_with if "/" in made_with else f"{made_with}/lb"
    there.no_images = {"testbed/lb", "other/lb"}
    there.tables = [f"cut.{identity.read(settings)}.lb1.silent-cut-public-both", "filter"]
    lifecycle.down(dataclasses.replace(settings, images=set_to))
    assert (there.names(), there.tables, there.ran_of) == ([], ["filter"], [image])
    assert not identity.read(settings)


def test_down_without_any_nft_prints_the_names_of_rules_and_keeps_the_identity(
    settings: Settings, there: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ours(settings)[CLUSTER]
    there.no_images = {"testbed/lb"}
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    lines: list[str] = []
    lifecycle.down(settings, ["c2"], lines.append)
    assert [f"cut.{each}." in line for each, line in zip((known, "c2"), lines, strict=True)] == [True, True]
    assert identity.read(settings) == known
    there.no_images.clear()  # the image has been built again
    lifecycle.down(settings)
    assert not identity.read(settings)


def test_a_cluster_without_our_identity_does_not_exist_for_us(settings: Settings, there: FakeEngine) -> None:
    identity.ensure(settings)
    portainer(there)
    assert not project.exists(settings)
    a_cluster(there, ours(settings))
    assert project.exists(settings)


def test_a_container_that_a_user_put_on_our_network_stops_down_but_not_up(
    settings: Settings, there: FakeEngine
) -> None:
    a_cluster(there, ours(settings))
    there.add("container", "testbed-exporter-1", {PROJECT: "testbed"}, networks=["testbed_public"])
    claim = owner(there, settings)
    claim.must_be_ours()
    with pytest.raises(UsageError, match="docker rm --force testbed-exporter-1"):
        claim.must_be_alone()
    there.add("container", "testbed-backup-1", {PROJECT: "testbed"}, networks=["testbed_public"])
    two = "the containers testbed-backup-1 and testbed-exporter-1, which are on the cluster's networks"
    with pytest.raises(UsageError, match=two):
        owner(there, settings).must_be_alone()


@pytest.mark.parametrize("networks", [["testbed_public"], ["testbed_public", "testbed_backend"]])
def test_down_names_a_container_that_docker_run_put_on_our_network_and_touches_nothing(
    settings: Settings, there: FakeEngine, monkeypatch: pytest.MonkeyPatch, networks: list[str]
) -> None:
    monkeypatch.setenv("TESTBED_STATE", str(settings.state_dir))
    a_cluster(there, ours(settings))
    there.add("network", "testbed_backend", {CLUSTER: identity.read(settings), PROJECT: "testbed"})
    there.add("container", "exporter", {}, networks=networks)
    before = there.names()
    error = CliRunner().invoke(app, ["down"]).exception
    assert isinstance(error, UsageError)
    assert "the container exporter, which is on the cluster's network" in error.what
    for network in networks:
        assert f"docker network disconnect {network} exporter" in error.fix
    assert there.names() == before
    assert identity.read(settings)


def test_a_take_over_names_a_container_on_the_other_clusters_network(settings: Settings, there: FakeEngine) -> None:
    a_cluster(there, {PROJECT: "testbed", CLUSTER: "c2"}, "exited")
    there.add("container", "exporter", {}, networks=["testbed_public"])
    with pytest.raises(UsageError, match="docker network disconnect testbed_public exporter"):
        lifecycle.take_over(settings, ["c2"])
    assert len(there.things) == 4


def test_down_names_every_container_that_keeps_a_network(settings: Settings, there: FakeEngine) -> None:
    a_cluster(there, ours(settings))
    for name in ("exporter", "watcher"):
        there.add("container", name, {}, networks=["testbed_public"])
    with pytest.raises(UsageError, match="the containers exporter and watcher, which are") as refused:
        lifecycle.down(settings)
    commands = [f"docker network disconnect testbed_public {name}" for name in ("exporter", "watcher")]
    assert refused.value.fix == f"disconnect each: `{' && '.join(commands)}`"


def test_a_container_that_is_off_keeps_no_network(settings: Settings, there: FakeEngine) -> None:
    a_cluster(there, ours(settings))
    there.add("container", "exporter", {}, "exited", networks=["testbed_public"])
    lifecycle.down(settings)
    assert there.names() == ["exporter"]


def test_nodes_that_compose_made_again_by_hand_are_still_a_cluster_to_up(settings: Settings, there: FakeEngine) -> None:
    """Without the labels' overlay they have no identity; a fresh start that fails would delete the volumes."""
    there.add("network", "testbed_public", ours(settings))
    assert not owner(there, settings).exists
    there.add("container", "testbed-lb1-1", {PROJECT: "testbed"} | BUILT, networks=["testbed_public"])
    claim = owner(there, settings)
    assert (claim.owner, claim.exists, claim.added) == (Owner.OURS, True, ("testbed-lb1-1",))
    with pytest.raises(UsageError, match="`testbed up` takes it back"):
        claim.must_be_alone()


def test_an_older_testbeds_cluster_is_not_removed_and_the_error_names_the_way_out(
    settings: Settings, there: FakeEngine
) -> None:
    a_cluster(there, {PROJECT: "testbed", FOLDER: str(settings.topology.parent)})
    claim = owner(there, settings)
    assert claim.owner is Owner.FOREIGN
    assert claim.what.startswith("an older testbed brought up the cluster testbed")
    assert claim.fix.startswith("`docker compose -p testbed down --volumes`")


def test_a_cluster_of_this_state_folder_under_another_name_is_not_forgotten(
    settings: Settings, there: FakeEngine
) -> None:
    a_cluster(there, ours(settings))
    claim = owner(there, dataclasses.replace(settings, project="other"))
    assert (claim.owner, "COMPOSE_PROJECT_NAME=testbed" in claim.fix) == (Owner.USED, True)


def compose(monkeypatch: pytest.MonkeyPatch, merged: dict[str, object]) -> list[list[str]]:
    """Compose's command lines; its merge is given."""
    lines: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        lines.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr("testbed.topology.compose.compose_config", lambda *_: dump(merged))
    return lines


def test_start_labels_all_that_compose_makes_and_removes_only_our_orphans(
    settings: Settings, there: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ours(settings) | {"com.docker.compose.oneoff": "False"}
    for service, labels in (("lb1", own), ("single", own), ("exporter", {PROJECT: "testbed"})):
        there.add("container", f"testbed-{service}-1", labels | {"com.docker.compose.service": service})
    lines = compose(
        monkeypatch,
        {
            "services": {"lb1": {}, "prometheus": {"image": "prometheus"}},
            "networks": {"public": {"name": "testbed_public"}, "lan": {"external": True}},
            "volumes": {"db1-disk": None},
        },
    )
    project.start(settings, Shape(), settings.logs_dir / "compose.log")
    overlay = settings.state_dir / "labels.yaml"
    mark = {"labels": {CLUSTER: identity.read(settings)}}
    assert YAML(typ="safe", pure=True).load(overlay) == {
        "services": {"lb1": mark, "prometheus": mark}, "networks": {"public": mark}, "volumes": {"db1-disk": mark},
    }  # fmt: skip
    up = lines[-1]
    assert up[up.index("up") - 1] == str(overlay)
    assert "--remove-orphans" not in up
    assert there.names() == ["testbed-lb1-1", "testbed-exporter-1"]


def test_up_does_not_replace_a_cluster_whose_secrets_are_gone(
    settings: Settings, there: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_cluster(there, ours(settings))
    monkeypatch.setattr(lifecycle, "must_serve", lambda _: None)
    cluster = cast("Cluster", SimpleNamespace(settings=settings, fleet=SimpleNamespace(outdated=list)))
    with pytest.raises(UsageError, match="`testbed down`, then `testbed up`"):
        lifecycle.up(cluster, Progress(Console(quiet=True)))
    assert len(there.things) == 3


def test_heal_sweeps_the_host_though_nothing_is_on_record(tmp_path: Path) -> None:
    nodes = fleet()
    cast("FakeFleet", nodes).tables.append("cut.c1.app-2.silent-cut-backend-both")
    state = SimpleNamespace(balancers=[])
    cluster = SimpleNamespace(fleet=nodes, ledger=Ledger(tmp_path), state=lambda *_: state)
    lines: list[str] = []
    lifecycle.heal(cast("Cluster", cluster), cast("Progress", SimpleNamespace(print_line=lines.append)))
    assert lines == ["  removed the rules cut.c1.app-2.silent-cut-backend-both from the host"]


# --- other testbed clusters --------------------------------------------------------------------------------------


def test_a_cluster_whose_state_folder_was_deleted_is_kept_unless_the_user_asks_for_it(
    settings: Settings, there: FakeEngine
) -> None:
    a_cluster(there, ours(settings), "exited")
    identity.forget(settings)
    claim = owner(there, settings)
    assert (claim.owner, len(claim.clusters)) == (Owner.ABANDONED, 1)
    with pytest.raises(UsageError, match=r"its identity is not in that folder; .*--take-over"):
        claim.must_be_ours()
    claim.must_be_ours(take_over=True)
    lifecycle.take_over(settings, claim.clusters)
    assert there.names() == []


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_cluster_that_another_checkout_uses_stays(
    settings: Settings, there: FakeEngine, tmp_path: Path, state: str
) -> None:
    a_cluster(there, {PROJECT: "testbed", CLUSTER: "c2", FOLDER: str(tmp_path)}, state)
    with pytest.raises(UsageError, match=f"a cluster named testbed runs from {tmp_path}"):
        owner(there, settings).must_be_ours(take_over=True)


@pytest.mark.parametrize("arguments", [["up", "--take-over"], ["down", "--take-over"]])
@pytest.mark.parametrize("folder", ["/data/not-visible-here", "this checkout", ""])
def test_no_cluster_that_runs_is_taken_over_wherever_its_folder_is(
    settings: Settings, there: FakeEngine, monkeypatch: pytest.MonkeyPatch, folder: str, arguments: list[str]
) -> None:
    for name, folder_of_state in (("TESTBED_STATE", settings.state_dir), ("TESTBED_RUN", settings.run_dir)):
        monkeypatch.setenv(name, str(folder_of_state))
    place = str(settings.topology.parent) if folder == "this checkout" else folder
    labels = {PROJECT: "testbed", CLUSTER: "c2"} | ({FOLDER: place} if place else {})
    a_cluster(there, labels)
    there.add("container", "testbed-lb2-1", labels | BUILT, state="exited")
    before = there.names()
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, UsageError)
    assert "`docker stop $(docker ps --quiet --filter label=org.testbed.cluster=c2)`" in error.fix
    assert ("TESTBED_STATE" in error.fix) == (folder == "this checkout")
    assert there.names() == before
    for each in there.things:
        each.status = "exited"
    owner(there, settings).must_be_ours(take_over=True)


@pytest.mark.parametrize("folder", ["", "deleted"])
def test_one_that_is_off_is_taken_over_on_request(
    settings: Settings, there: FakeEngine, tmp_path: Path, folder: str
) -> None:
    a_cluster(there, {PROJECT: "testbed", CLUSTER: "c2", FOLDER: str(tmp_path / folder)}, "exited")
    there.tables = ["cut.c2.lb1.silent-cut-public-both"]
    claim = owner(there, settings)
    with pytest.raises(UsageError, match="--take-over"):
        claim.must_be_ours()
    claim.must_be_ours(take_over=True)
    lifecycle.take_over(settings, claim.clusters)
    assert (there.names(), there.tables) == ([], [])


def test_volumes_of_a_testbed_cluster_without_containers_are_not_reused(settings: Settings, there: FakeEngine) -> None:
    there.add("volume", "testbed_db1-disk", {PROJECT: "testbed", CLUSTER: "c2"})
    claim = owner(there, settings)
    assert claim.owner is Owner.ABANDONED
    assert "the volume testbed_db1-disk is left over" in claim.what


def test_a_take_over_of_one_among_two_leaves_a_stranger_alone(
    settings: Settings, there: FakeEngine, tmp_path: Path
) -> None:
    a_cluster(there, {PROJECT: "testbed", CLUSTER: "c2", FOLDER: str(tmp_path)}, "exited")
    portainer(there)
    assert owner(there, settings).owner is Owner.FOREIGN


def test_down_without_an_engine_leaves_the_files_of_a_cluster_of_another_engine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TESTBED_STATE", str(settings.state_dir))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")
    secret = settings.state_dir / "nodes" / "secrets.env"
    secret.parent.mkdir(parents=True)
    secret.touch()
    error = CliRunner().invoke(app, ["down"]).exception
    assert isinstance(error, UsageError)
    assert (error.where, secret.exists()) == ("DOCKER_HOST", True)
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.setattr(engine, "_SOCKET", str(tmp_path / "nothing"))
    monkeypatch.setattr(docker, "from_env", _no_engine)
    assert CliRunner().invoke(app, ["down"]).exit_code == 0
    assert not secret.exists()


def _no_engine(**_: object) -> None:
    raise docker.errors.DockerException
