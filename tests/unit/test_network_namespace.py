"""Where programs of the network run: by root on the host, else in a container of a moment that shares the namespace."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import ContainerError
from docker.models.containers import Container
from fakes import topology

from testbed.errors import TestbedError
from testbed.machines import network_namespace
from testbed.machines.container import ContainerMachine
from testbed.machines.helper_container import HelperContainer
from testbed.settings import CLUSTER_LABEL, PROJECT_LABEL

ADDRESSES = {"public": "198.18.0.11", "backend": "198.18.1.11"}


class Engine:
    """An engine with one machine, and what its helpers were started with."""

    def __init__(self) -> None:
        self.id = "c0ffee"
        self.labels = {PROJECT_LABEL: "mine", CLUSTER_LABEL: "c1"}
        networks = {f"mine_{name}": {"IPAddress": address} for name, address in ADDRESSES.items()}
        self.attrs = {
            "State": {"Running": True, "Paused": False, "Pid": 77},
            "NetworkSettings": {"Networks": networks},
        }
        self.client = SimpleNamespace(containers=self)
        self.started: list[tuple[str, list[str]]] = []
        self.refusal = ""

    def reload(self) -> None:
        """Nothing has changed."""

    def run(self, image: str, command: list[str], **options: Any) -> bytes:  # noqa: ANN401 - each has a type of its own
        assert options["cap_add"] == ["NET_ADMIN"]
        assert options["labels"][CLUSTER_LABEL] == "c1"
        self.started.append((options["network_mode"], [options["entrypoint"], *command]))
        if self.refusal:
            raise ContainerError(cast("Container", self), 2, command, image, cast("str", self.refusal.encode()))
        return json.dumps([
            {"ifname": f"eth{index}", "link_index": 100 + index, "addr_info": [{"local": address}]}
            for index, address in enumerate(ADDRESSES.values())
        ]).encode()  # fmt: skip

    @property
    def machine(self) -> ContainerMachine:
        return ContainerMachine("lb1", topology().nodes["lb1"], cast("Container", self))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine that is used by somebody who is not root."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(network_namespace, "host_interface", lambda index: f"veth{index}")

    def never(command: list[str], **_: object) -> None:
        raise AssertionError(f"{command} takes root")

    monkeypatch.setattr(subprocess, "run", never)
    return Engine()


def test_without_root_all_cables_are_pulled_by_one_helper_on_the_host(engine: Engine) -> None:
    engine.machine.unplug("public", "backend")
    assert [namespace for namespace, _ in engine.started] == ["container:c0ffee", "host"]
    assert engine.started[-1][1][-1].splitlines() == [
        "ip link set dev veth100 down",
        "ip link set dev veth101 down",
    ]


def test_without_root_a_limit_is_set_at_either_end_of_a_cable(engine: Engine) -> None:
    machine = engine.machine
    machine.tc("backend", "qdisc", "add", "dev", "DEV", "root", "tbf")
    machine.tc("backend", "qdisc", "add", "dev", "DEV", "root", "tbf", inward=True)
    assert engine.started[1:] == [
        ("container:c0ffee", ["tc", "qdisc", "add", "dev", "eth1", "root", "tbf"]),
        ("host", ["tc", "qdisc", "add", "dev", "veth101", "root", "tbf"]),
    ]


def test_without_root_the_kernel_is_tried_in_a_namespace_of_its_own(engine: Engine) -> None:
    engine.refusal = "Error: Specified qdisc kind is unknown.\nmore"
    with pytest.raises(TestbedError, match=r"lb1: tc refuses: Error: Specified qdisc kind is unknown\.$"):
        engine.machine.try_tc("qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms")
    assert [namespace for namespace, _ in engine.started] == ["none"]


def test_a_host_without_iproute2_has_a_helper_even_for_root(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, **_: None if name == "tc" else f"/usr/bin/{name}")
    engine.machine.plug("public")
    assert engine.started[-1] == ("host", ["sh", "-ec", "ip link set dev veth100 up"])


def root(monkeypatch: pytest.MonkeyPatch) -> HelperContainer:
    """Be root on a host that has every program; the helper is of no use then."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, **_: f"/usr/bin/{name}")
    return cast("HelperContainer", None)


def test_root_enters_the_namespace_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    helper = root(monkeypatch)
    done: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        done.append(command)
        return subprocess.CompletedProcess(command, 0, "[]", "")

    monkeypatch.setattr(subprocess, "run", run)
    assert network_namespace.links(network_namespace.namespace_of("c0ffee", 77), helper) == []
    network_namespace.run(["tc", "show"], network_namespace.NEW, helper)
    assert done == [
        ["nsenter", "--target", "77", "--net", "ip", "-j", "addr"],
        ["unshare", "--net", "tc", "show"],
    ]


def test_a_host_program_that_hangs_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    helper = root(monkeypatch)

    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 20)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(TestbedError, match="tc show: no end within 20 s"):
        network_namespace.run(["tc", "show"], network_namespace.HOST, helper)


def test_an_interface_is_known_by_its_index() -> None:
    index = int(Path("/sys/class/net/lo/ifindex").read_text())
    assert network_namespace.host_interface(index) == "lo"
    with pytest.raises(TestbedError, match="no interface with index 99999"):
        network_namespace.host_interface(99999)
