"""A container of a moment: what it prints comes back, what it refuses is one line; root borrows a node's programs."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker import DockerClient
from docker.errors import APIError

from testbed.errors import TestbedError
from testbed.machines import helper_container, host_entry
from testbed.machines.helper_container import HelperContainer

SHOW = ["nft", "list", "tables"]
BALANCER, TARGET = "ba1a", "c0ffee"


class Engine:
    """An engine of this host, on which a balancer and another node run."""

    def __init__(self) -> None:
        self.pids = {BALANCER: 41, TARGET: 42}
        self.listed: list[dict[str, Any]] = []
        self.helpers: list[str] = []
        self.containers = SimpleNamespace(run=self._run)
        self.api = SimpleNamespace(containers=self._list, inspect_container=self._inspect)

    def _run(self, _: str, __: list[str], **options: Any) -> bytes:  # noqa: ANN401 - each has a type of its own
        self.helpers.append(options["network_mode"])
        return b"by a helper"

    def _list(self, filters: dict[str, Any]) -> list[dict[str, str]]:
        self.listed.append(filters)
        return [{"Id": BALANCER}]

    def _inspect(self, container: str) -> dict[str, Any]:
        return {"State": {"Pid": self.pids[container]}}

    @property
    def helper(self) -> HelperContainer:
        return HelperContainer(cast("DockerClient", self), "testbed/lb", {}, "lb1")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that root uses."""
    monkeypatch.setattr(helper_container, "can_run_host_programs", lambda: True)
    monkeypatch.setattr(host_entry, "can_enter", lambda _, pid: pid > 0)
    return Engine()


def programs(monkeypatch: pytest.MonkeyPatch, status: int = 0, errors: str = "") -> list[list[str]]:
    """Have each program that is started end with a status and print errors; return what is started."""
    started: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        started.append(command)
        return subprocess.CompletedProcess(command, status, "from the host", errors)

    monkeypatch.setattr(subprocess, "run", run)
    return started


def test_a_helper_that_does_not_start_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> bytes:
        raise APIError("500", explanation="cannot join network of a non running container: c0ffee")

    monkeypatch.setattr(helper_container, "can_run_host_programs", lambda: False)
    docker = cast("DockerClient", SimpleNamespace(containers=SimpleNamespace(run=run)))
    with pytest.raises(TestbedError, match="lb1: ip cannot be run: cannot join network of a non running container"):
        HelperContainer(docker, "testbed/lb", {}, "lb1").run(["ip", "-j", "addr"], "container:c0ffee")


@pytest.mark.parametrize(
    ("namespace", "enter"),
    [
        ("host", ["nsenter", "--mount=/proc/41/ns/mnt"]),
        (f"container:{TARGET}", ["nsenter", "--mount=/proc/41/ns/mnt", "--net=/proc/42/ns/net"]),
        ("none", ["unshare", "--net", "nsenter", "--mount=/proc/41/ns/mnt"]),
    ],
)
def test_root_runs_a_balancers_program_in_the_namespace(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, namespace: str, enter: list[str]
) -> None:
    started = programs(monkeypatch)
    assert engine.helper.run(SHOW, namespace) == "from the host"
    assert started == [[*enter, *SHOW]]
    assert engine.helpers == []


def test_only_a_node_that_runs_lends_its_programs(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(monkeypatch)
    engine.helper.run(SHOW, "host")
    [filters] = engine.listed
    assert filters["status"] == "running"
    assert "com.docker.compose.oneoff=False" in filters["label"]


@pytest.mark.parametrize("off", [BALANCER, TARGET])
def test_a_helper_does_it_when_a_container_cannot_be_entered(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    started = programs(monkeypatch)
    engine.pids[off] = 0
    assert engine.helper.run(SHOW, f"container:{TARGET}") == "by a helper"
    assert started == []


def test_a_helper_does_it_when_the_node_has_just_gone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(monkeypatch, 1, "nsenter: cannot open /proc/41/ns/mnt: No such file or directory\n")
    assert engine.helper.run(SHOW, "host") == "by a helper"


def test_what_the_program_refuses_is_one_line(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(monkeypatch, 1, "Error: syntax error\nmore\n")
    with pytest.raises(TestbedError, match=r"^lb1: nft refuses: Error: syntax error$"):
        engine.helper.run(SHOW, "host")
    assert engine.helpers == []
