"""`testbed capture`: the file's format and limits, where a node and a network are heard, and what is refused."""

from __future__ import annotations

import io
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from test_health import TOPOLOGY
from typer.testing import CliRunner

from testbed.cli import app
from testbed.cli import capture as command
from testbed.cluster import project
from testbed.errors import TestbedError, UsageError
from testbed.host import engine, identity
from testbed.machines import packets
from testbed.machines.capture import PROGRAM, CapturePoint, capture, network_capture_point, node_capture_point
from testbed.machines.container import ContainerMachine
from testbed.settings import Settings


def packets_of(data: bytes) -> list[tuple[int, int, bytes, int]]:
    """The records of a capture: seconds, nanoseconds, what was kept, and the length."""
    magic, major, minor, _, _, snap, link = struct.unpack_from("<IHHiIII", data)
    assert (magic, major, minor, snap, link) == (0xA1B23C4D, 2, 4, 262144, 1)
    found, place = [], 24
    while place < len(data):
        seconds, nanoseconds, kept, length = struct.unpack_from("<IIII", data, place)
        found.append((seconds, nanoseconds, data[place + 16 : place + 16 + kept], length))
        place += 16 + kept
    assert place == len(data)
    return found


def test_packets_are_written_with_their_times_until_the_time_is_over() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        for packet in (b"first", b"second"):
            theirs.send(packet)
        out, begun = io.BytesIO(), time.time()
        packets.capture([ours], out, seconds=0.3, most=10_000)
    found = packets_of(out.getvalue())
    assert [(kept, length) for _, _, kept, length in found] == [(b"first", 5), (b"second", 6)]
    assert all(begun - 1 <= seconds + nanoseconds / 1e9 <= time.time() for seconds, nanoseconds, _, _ in found)


def test_a_capture_ends_before_it_is_too_large() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        for _ in range(10):
            theirs.send(b"x" * 84)
        out, begun = io.BytesIO(), time.monotonic()
        packets.capture([ours], out, seconds=60, most=24 + 3 * 100 + 99)
    assert len(packets_of(out.getvalue())) == 3
    assert time.monotonic() - begun < 30


def test_the_program_stands_alone() -> None:
    imported = set(re.findall(r"^(?:import|from) (\w+)", PROGRAM.read_text(), re.MULTILINE))
    assert imported <= set(sys.stdlib_module_names)
    result = subprocess.run([sys.executable, "-I", PROGRAM, "0.1", "1000"], capture_output=True, check=True, timeout=60)
    assert result.stdout == packets.HEADER


def test_a_node_s_packets_are_heard_at_its_container() -> None:
    node = cast("Any", ContainerMachine.__new__(ContainerMachine))
    node.name, node.node = "db1", TOPOLOGY.nodes["db1"]
    node.container_id = lambda: "abc"
    node.port = lambda network: {"backend": "eth0", "replication": "eth1"}[network]
    assert node_capture_point(node, []) == CapturePoint("container:abc", ("eth0", "eth1"))
    assert node_capture_point(node, ["replication"]) == CapturePoint("container:abc", ("eth1",))
    with pytest.raises(UsageError, match="db1 is not on 'public'; its networks are backend, replication"):
        node_capture_point(node, ["public"])


def test_a_network_s_packets_are_heard_at_its_bridge() -> None:
    asked: list[object] = []

    def client(*networks: object) -> Any:  # noqa: ANN401 - a stand-in
        def listed(**filters: object) -> list[object]:
            asked.append(filters)
            return list(networks)

        return SimpleNamespace(networks=SimpleNamespace(list=listed))

    plain = SimpleNamespace(id="0123456789abcdef", attrs={"Options": None})
    named = SimpleNamespace(id="0", attrs={"Options": {"com.docker.network.bridge.name": "mine"}})
    assert network_capture_point(client(plain), "c1", "public") == CapturePoint("host", ("br-0123456789ab",))
    assert network_capture_point(client(named), "c1", "public") == CapturePoint("host", ("mine",))
    assert asked[0] == {"filters": {"label": ["org.testbed.cluster=c1", "com.docker.compose.network=public"]}}
    with pytest.raises(UsageError, match="no network 'public' of this cluster exists"):
        network_capture_point(client(), "c1", "public")


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `docker` that writes its arguments, and its own packets, and ends with the status in a file."""
    program = tmp_path / "docker"
    program.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path}/arguments\nprintf packets\n'
        f'echo "OSError: no such device" >&2\nexit "$(cat {tmp_path}/status)"\n'
    )
    program.chmod(0o755)
    (tmp_path / "status").write_text("0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_the_container_may_record_and_nothing_else(docker: Path) -> None:
    with (docker / "out").open("wb") as out:
        capture(CapturePoint("container:abc", ("eth0", "eth1")), "testbed/client", {"a": "b"}, out, seconds=30, most=99)
    arguments = (docker / "arguments").read_text()
    assert (docker / "out").read_bytes() == b"packets"
    assert "--network\ncontainer:abc\n--cap-drop\nALL\n--cap-add\nNET_RAW\n" in arguments
    assert "--pull\nnever\n" in arguments
    assert "--label\na=b\n" in arguments
    assert arguments.endswith("\n30\n99\neth0\neth1\n")


def test_a_capture_that_fails_is_an_error(docker: Path) -> None:
    (docker / "status").write_text("1")
    with (docker / "out").open("wb") as out, pytest.raises(TestbedError, match=r"eth9: packets .*: OSError: no such"):
        capture(CapturePoint("host", ("eth9",)), "testbed/client", {}, out, seconds=30, most=99)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    settings = Settings(root=tmp_path, project="testbed", state_dir=tmp_path / "state", run_dir=tmp_path)
    fleet = SimpleNamespace(machines=lambda: [SimpleNamespace(name="lb1")])
    found = SimpleNamespace(settings=settings, topology=TOPOLOGY, fleet=fleet)
    monkeypatch.setattr(command, "Cluster", lambda: found)
    monkeypatch.setattr(project, "exists", lambda _: True)
    monkeypatch.setattr(identity, "labels", lambda _: {})
    monkeypatch.setattr(engine, "client", lambda: None)
    monkeypatch.setattr(command, "network_capture_point", lambda *_: CapturePoint("host", ("br-1",)))
    return settings


def test_a_capture_lies_in_the_state_folder_and_its_path_is_printed(docker: Path, cluster: Settings) -> None:
    result = CliRunner().invoke(app, ["capture", "public", "--for", "5s", "--size", "512KiB"])
    assert result.exit_code == 0, result.output
    [file] = (cluster.state_dir / "captures").glob("*-public.pcap")
    assert file.read_bytes() == b"packets"
    assert str(file) in result.output.replace("\n", "")
    assert (docker / "arguments").read_text().endswith(f"\n5\n{512 * 1024}\nbr-1\n")


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "no node or network 'nowhere'; there are lb1, public, backend, replication"),
        (["public", "--network", "backend"], "'public' is a network already"),
        (["public", "--size", "64"], "'64' is not a size; write a number with its unit"),
        (["public", "--size", "0MiB"], "'0MiB' is not a size"),
    ],
)
def test_an_invalid_capture_is_refused(arguments: list[str], line: str) -> None:
    result = CliRunner().invoke(app, ["capture", *arguments])
    assert isinstance(result.exception, UsageError)
    assert line in str(result.exception)
