"""`testbed exec -it`, `cp` and `inspect`: what they ask of a node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest
from test_health import TOPOLOGY, whole
from typer.testing import CliRunner

from testbed.cli import app
from testbed.cli import cp as cp_command
from testbed.cli import exec as exec_command
from testbed.cli import inspect as inspect_command
from testbed.cluster import project
from testbed.errors import UsageError
from testbed.faults import Ledger
from testbed.machines import ExecResult, Power
from testbed.machines.container import ContainerMachine


class Node(ContainerMachine):
    """A node without an engine, that has one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.node = TOPOLOGY.nodes[name.partition("-")[0]]
        self.ran: list[list[str]] = []

    def container_name(self) -> str:
        return f"testbed-{self.name}-1"

    def container_id(self) -> str:
        return "0123456789abcdef"

    def image_id(self) -> str:
        return "sha256:old"

    def current_image(self) -> str:
        return "sha256:new"

    def power(self) -> Power:
        return Power.ON

    def started_at(self) -> float:
        return 1_700_000_000.0

    def address(self, network: str) -> str:
        return {"backend": "198.18.1.129"}[network]

    def agent(self) -> Path | None:
        return Path("/run/agent.sock")

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:  # noqa: ARG002
        self.ran.append(list(command))
        if command[0] == "sh":
            return ExecResult(0, "5\n", "") if command[-1] == "/etc/hosts" else ExecResult(1, "", "")
        return ExecResult(0 if command[:2] != ["test", "-d"] or command[2] == "/tmp" else 1, "", "")  # noqa: S108


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Node]:
    nodes = {name: Node(name) for name in ("app-2", "db1", "lb1")}
    cluster = SimpleNamespace(
        settings=None, topology=TOPOLOGY, machine=nodes.__getitem__, state=lambda *_: whole(),
        ledger=Ledger(tmp_path / "faults"), fleet=SimpleNamespace(machines=lambda: list(nodes.values())),
    )  # fmt: skip
    for module in (cp_command, exec_command, inspect_command):
        monkeypatch.setattr(module, "Cluster", lambda: cluster)
    monkeypatch.setattr(project, "exists", lambda _: True)
    cluster.ledger.write("freeze", "db1", "db:primary", {})
    return nodes


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that are started; each ends with 3."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 3, "", "Error: no such container\n")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@dataclass
class Agent:
    """A guest agent that keeps files."""

    files: dict[str, bytes] = field(default_factory=lambda: {"/etc/hosts": b"hello"})

    def __call__(self, *_: object, **__: object) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read_file(self, path: str) -> Iterator[bytes]:
        yield self.files[path][:2]
        yield self.files[path][2:]

    def write_file(self, path: str, pieces: Iterable[bytes]) -> None:
        self.files[path] = b"".join(pieces)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Agent:
    agent = Agent()
    monkeypatch.setattr(cp_command, "GuestAgent", agent)
    return agent


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, UsageError), result.output
    return str(result.exception)


@pytest.mark.usefixtures("nodes")
def test_a_command_of_a_container_gets_standard_input(started: list[list[str]]) -> None:
    result = CliRunner().invoke(app, ["exec", "-i", "app-2", "--", "sh", "-s"])
    assert result.exit_code == 3
    assert started == [["docker", "exec", "--interactive", "testbed-app-2-1", "sh", "-s"]]


@pytest.mark.usefixtures("nodes")
def test_a_terminal_needs_a_terminal_and_a_container(started: list[list[str]]) -> None:
    assert "--tty: standard input is not a terminal" in refused("exec", "-it", "app-2", "bash")
    assert "db1 is a VM, and its guest agent has no terminal; use `testbed console db1`" in refused(
        "exec", "-i", "db1", "cat"
    )
    assert not started


@pytest.mark.usefixtures("nodes")
def test_a_container_s_files_are_copied_by_docker(started: list[list[str]], tmp_path: Path) -> None:
    assert "app-2: Error: no such container" in refused("cp", "app-2:/etc/hosts", str(tmp_path))
    refused("cp", "./a:b", "app-2:/tmp/")
    assert started == [
        ["docker", "cp", "--quiet", "testbed-app-2-1:/etc/hosts", str(tmp_path)],
        ["docker", "cp", "--quiet", "a:b", "testbed-app-2-1:/tmp/"],
    ]


@pytest.mark.usefixtures("nodes", "agent")
def test_a_vm_s_file_comes_by_its_guest_agent(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["cp", "db1:/etc/hosts", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "hosts").read_bytes() == b"hello"
    assert CliRunner().invoke(app, ["cp", "db1:/etc/hosts", str(tmp_path / "mine")]).exit_code == 0
    assert (tmp_path / "mine").read_bytes() == b"hello"
    assert "db1: /etc is not a file" in refused("cp", "db1:/etc", str(tmp_path))


def test_a_file_goes_to_a_vm_with_its_permissions(nodes: dict[str, Node], agent: Agent, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_bytes(bytes(range(256)) * 1000)
    script.chmod(0o750)
    for target in ("/tmp", "/root/run"):  # noqa: S108
        assert CliRunner().invoke(app, ["cp", str(script), f"db1:{target}"]).exit_code == 0
    assert agent.files["/tmp/script"] == agent.files["/root/run"] == script.read_bytes()  # noqa: S108
    assert ["chmod", "750", "/root/run"] in nodes["db1"].ran
    assert "is not a file" in refused("cp", str(tmp_path), "db1:/tmp")


def test_a_file_that_is_too_large_for_the_agent_is_refused(
    nodes: dict[str, Node], agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cp_command, "MOST_BYTES", 4)
    assert "has 5 bytes" in refused("cp", "db1:/etc/hosts", str(tmp_path))
    assert not list(tmp_path.glob("hosts"))
    assert len(agent.files) == 1
    assert nodes["db1"].ran


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("arguments", [("a", "b"), ("db1:/a", "lb1:/b"), ("db1:", "b")])
def test_one_side_is_a_node_s(arguments: tuple[str, str]) -> None:
    assert "one of source and target must be on a node" in refused("cp", *arguments)


@pytest.mark.usefixtures("nodes")
def test_a_node_is_inspected() -> None:
    result = CliRunner().invoke(app, ["inspect", "db1", "--json"])
    found = json.loads(result.output)
    assert found["addresses"] == {"backend": "198.18.1.21", "replication": "198.18.2.21"}
    assert found["virtual_address"] == "198.18.1.20"
    assert found["state"]["drbd_role"] == "Primary"
    assert [each["fault"] for each in found["faults"]] == ["freeze"]
    assert not found["image_is_current"]
    printed = CliRunner().invoke(app, ["inspect", "db1"]).output
    assert "freeze" in printed
    assert "(rebuilt since)" in printed
    assert "DRBD Primary Connected UpToDate/UpToDate" in printed


@pytest.mark.usefixtures("nodes")
def test_all_nodes_are_listed() -> None:
    found = json.loads(CliRunner().invoke(app, ["inspect", "--json"]).output)
    assert [each["node"] for each in found] == ["app-2", "db1", "lb1"]
    assert found[0]["addresses"] == {"backend": "198.18.1.129"}
    printed = CliRunner().invoke(app, ["inspect"]).output
    assert "testbed-lb1-1" in printed


@pytest.mark.usefixtures("nodes")
def test_the_cluster_must_be_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "exists", lambda _: False)
    assert "no cluster is up" in refused("inspect")
