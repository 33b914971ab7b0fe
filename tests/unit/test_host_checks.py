from __future__ import annotations

import gc
import os
import socket
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from testbed.errors import TestbedError
from testbed.host import engine, engine_networks, image_store, process_identity, resources
from testbed.host.host_check import CheckLevel

SUBNETS = [IPv4Network("198.18.0.0/24"), IPv4Network("198.18.1.0/24")]


@pytest.mark.parametrize(
    ("kib", "running", "level"),
    [(8_000_000, False, CheckLevel.OK), (3_000_000, False, CheckLevel.FAIL), (1_000_000, True, CheckLevel.OK)],
)
def test_memory(kib: int, running: bool, level: CheckLevel) -> None:
    finding = resources.memory(f"MemTotal: 9000000 kB\nMemAvailable:  {kib} kB\n", running=running)
    assert finding.status is level
    assert bool(finding.fix) == (level is CheckLevel.FAIL)


def test_disk_is_measured_where_the_engine_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    class Usage:
        free = 3 * resources.GIB

    def usage(folder: Path) -> type[Usage]:
        asked.append(folder)
        return Usage

    monkeypatch.setattr("shutil.disk_usage", usage)
    missing = tmp_path / "var" / "lib" / "docker"
    assert resources.disk(missing, 6 * resources.GIB).status is CheckLevel.FAIL
    assert resources.disk(missing, 2 * resources.GIB).status is CheckLevel.OK
    assert asked == [tmp_path, tmp_path]


CONTAINERD = {"DockerRootDir": "/var/lib/docker", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
SYSTEMS = {"Containerd": {"Address": "/run/containerd/containerd.sock"}}
ENGINES = {"Containerd": {"Address": "/var/run/docker/containerd/containerd.sock"}}


@pytest.mark.parametrize(
    ("info", "config", "folder", "gib"),
    [
        ({}, "", "/var/lib/docker", 6),
        ({"DockerRootDir": "/srv/docker", "DriverStatus": [["Backing Filesystem", "extfs"]]}, "", "/srv/docker", 6),
        ({**CONTAINERD, **SYSTEMS}, "version = 2\n", "/var/lib/containerd", 9),
        ({**CONTAINERD, **SYSTEMS}, 'version = 2\nroot = "/srv/containerd"\n', "/srv/containerd", 9),
        ({**CONTAINERD, **ENGINES}, 'root = "/srv/containerd"\n', "/var/lib/docker/containerd/daemon", 9),
        (CONTAINERD, "not TOML", "/var/lib/containerd", 9),
    ],
)
def test_images_lie_where_their_store_keeps_them(
    tmp_path: Path, info: dict[str, Any], config: str, folder: str, gib: int
) -> None:
    (tmp_path / "config.toml").write_text(config)
    place = image_store.find_store(info, tmp_path / "config.toml")
    assert (str(place.images), place.build_bytes) == (folder, gib * resources.GIB)


def test_a_folder_that_this_user_may_not_look_into_is_measured_from_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "docker" / "containerd"
    look = Path.stat

    def stat(path: Path) -> os.stat_result:
        if path == closed:
            raise PermissionError
        return look(path)

    monkeypatch.setattr(Path, "stat", stat)
    assert resources.nearest(closed) == tmp_path


def test_a_port_in_use_names_the_variable_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        finding = resources.port(number, "TESTBED_SITE_PORT", ours=False)
        assert finding.status is CheckLevel.FAIL
        assert "TESTBED_SITE_PORT" in finding.fix
        assert resources.port(number, "TESTBED_SITE_PORT", ours=True).status is CheckLevel.OK
    assert resources.port(number, "TESTBED_SITE_PORT", ours=False).status is CheckLevel.OK


@pytest.mark.filterwarnings("ignore:unclosed")  # docker-py's, of a client that it does not make
def test_an_engine_that_is_silent_is_not_taken_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with pytest.raises(engine.NoEngineError):
        engine.client(seconds=1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(TestbedError, match="the Docker engine does not answer") as raised:
            engine.client(seconds=1)
        assert not isinstance(raised.value, engine.NoEngineError)
    gc.collect()


def test_a_missing_device_is_a_missing_module(tmp_path: Path) -> None:
    missing = resources.device(tmp_path / "fuse")
    assert (missing.status, missing.fix) == (CheckLevel.FAIL, "modprobe fuse")
    assert resources.device(Path(os.devnull)).status is CheckLevel.OK


def test_networks_of_others_must_not_overlap() -> None:
    def network(subnet: str, cluster: str | None = None) -> dict[str, object]:
        labels = {"com.docker.compose.project": "testbed"} | ({"org.testbed.cluster": cluster} if cluster else {})
        return {"Name": "lan", "Labels": labels, "IPAM": {"Config": [{"Subnet": subnet}]}}

    apart: list[dict[str, object]] = [
        network("172.17.0.0/16"),
        network("fd00::/64"),
        {"Name": "host", "IPAM": {"Config": None}},
    ]
    assert engine_networks.judge_overlaps(apart, "c1", SUBNETS).status is CheckLevel.OK
    assert engine_networks.judge_overlaps([network("198.18.0.0/24", "c1")], "c1", SUBNETS).status is CheckLevel.OK
    for theirs in (network("198.18.0.0/15"), network("198.18.1.0/24", "c2")):
        finding = engine_networks.judge_overlaps([theirs], "c1", SUBNETS)
        assert finding.status is CheckLevel.FAIL
        assert "lan" in finding.what
    assert engine_networks.judge_overlaps([network("198.18.0.0/24")], "", SUBNETS).status is CheckLevel.FAIL
    two = [network("198.18.0.0/24"), {**network("198.18.1.0/24"), "Name": "office"}, *apart]
    finding = engine_networks.judge_overlaps(two, "c1", SUBNETS)
    assert finding.fix.startswith("docker network rm lan office, or")
    for name in ("the network lan (198.18.0.0/24)", "the network office (198.18.1.0/24)"):
        assert finding.what.count(name) == 1


def test_a_process_is_known_by_when_it_began(tmp_path: Path) -> None:
    assert process_identity.started_at(os.getpid()) == process_identity.started_at(os.getpid())
    assert process_identity.started_at(os.getpid()) != process_identity.started_at(1)
    stat = tmp_path / "7" / "stat"
    stat.parent.mkdir()
    stat.write_text("7 (a) b) S " + " ".join(str(number) for number in range(4, 53)))
    assert process_identity.started_at(7, tmp_path) == 22
    stat.write_text("7 (gone) Z " + " ".join(str(number) for number in range(4, 53)))
    assert process_identity.started_at(7, tmp_path) is None
    assert process_identity.started_at(8, tmp_path) is None
