"""Addresses of the host that are the cluster's, too: interfaces and routes, of VPNs and proxies above all."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, cast

import docker
import pytest
from engines import CLUSTER, FakeEngine

from testbed.host import host_addresses
from testbed.host.host_check import CheckLevel, HostCheck
from testbed.settings import load

SUBNETS = [IPv4Network(f"198.18.{number}.0/24") for number in range(3)]
LO: dict[str, Any] = {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]}
DEFAULT = {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"}


def link(name: str, address: str) -> dict[str, Any]:
    local, _, length = address.partition("/")
    return {"ifname": name, "addr_info": [{"family": "inet", "local": local, "prefixlen": int(length)}]}


def judged(*found: dict[str, Any], without: tuple[str, ...] = (), up: bool = False) -> HostCheck:
    links = [LO, *(each for each in found if "ifname" in each)]
    routes = [DEFAULT, *(each for each in found if "dst" in each)]
    return host_addresses.judge(list(host_addresses.taken(links, routes, without)), SUBNETS, up=up)


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (link("tun0", "198.18.0.1/16"), "the address 198.18.0.1/16 of the interface tun0"),
        (link("utun", "198.18.2.7/32"), "the address 198.18.2.7/32 of the interface utun"),
        ({"dst": "198.18.0.0/15", "dev": "tun1"}, "the route 198.18.0.0/15 of the interface tun1"),
        ({"dst": "198.18.1.4", "dev": "wg0", "table": "51820"}, "the route 198.18.1.4 of the interface wg0"),
        ({"dst": "198.18.0.0/24", "nexthops": [{"dev": "eth1"}, {"dev": "eth2"}]}, "of the interface eth1"),
        ({"dst": "198.18.0.0/24", "type": "blackhole"}, "the route 198.18.0.0/24"),
    ],
)
def test_the_interface_and_the_setting_are_named(found: dict[str, Any], named: str) -> None:
    finding = judged(found)
    assert finding.status is CheckLevel.FAIL
    assert named in finding.what
    assert "TESTBED_PREFIX" in finding.fix
    assert judged(found, up=True).status is CheckLevel.WARN


@pytest.mark.parametrize(
    "found",
    [
        link("eth0", "192.0.2.7/24"),
        link("tun0", "198.19.0.1/16"),
        link("tun0", "198.18.77.1/24"),
        {"dst": "0.0.0.0/1", "dev": "tun0"},
        {"dst": "128.0.0.0/1", "dev": "tun0"},
        {"dst": "196.0.0.0/6", "dev": "wg0"},
        {"dst": "198.18.0.1", "dev": "tun0", "type": "local", "table": "local"},
    ],
)
def test_what_takes_nothing_from_the_cluster_is_left_alone(found: dict[str, Any]) -> None:
    assert judged(found).status is CheckLevel.OK


def test_all_interfaces_that_overlap_are_reported_each_once() -> None:
    route = {"dst": "198.18.0.0/16", "dev": "tun0"}
    finding = judged(link("tun0", "198.18.0.1/16"), link("wg0", "198.18.1.7/24"), route)
    assert finding.what.count("tun0") == 1
    assert finding.what.count("wg0") == 1


def test_the_engines_own_bridges_do_not_count() -> None:
    networks: list[dict[str, Any]] = [
        {"Driver": "bridge", "Id": "0123456789abcdef", "Options": {}},
        {"Driver": "bridge", "Id": "f", "Options": {"com.docker.network.bridge.name": "docker0"}},
        {"Driver": "macvlan", "Id": "fedcba9876543210", "Options": None},
    ]
    without = host_addresses.bridges(networks)
    assert without == {"br-0123456789ab", "docker0"}
    own = link("br-0123456789ab", "198.18.0.1/24"), {"dst": "198.18.0.0/24", "dev": "br-0123456789ab"}
    assert judged(*own, without=tuple(without)).status is CheckLevel.OK
    assert judged(*own).status is CheckLevel.FAIL


def test_a_prefix_that_is_free_is_proposed() -> None:
    def proposed(*networks: str) -> str:
        return host_addresses.free_prefix(
            [host_addresses.UsedAddress(IPv4Network(each), "tun0", "") for each in networks]
        )

    assert proposed("198.18.0.0/16") == "198.19"
    assert proposed("198.18.0.0/15") == "10.198"
    assert proposed("198.18.0.0/15", "10.0.0.0/8") == "172.31"
    assert proposed("198.18.0.0/15", "10.0.0.0/8", "172.16.0.0/12") == ""


def test_the_host_is_asked_and_a_missing_answer_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[list[str]] = []
    answers = {"address": '[{"ifname":"tun0","addr_info":[{"local":"198.18.0.1","prefixlen":16}]}]', "route": "[]"}

    def run(arguments: list[str], *_: object, **__: object) -> str:
        asked.append(arguments)
        return answers[arguments[3]]

    monkeypatch.setattr(host_addresses, "run", run)
    settings = load({"TESTBED_STATE": str(tmp_path)}, Path(__file__).parent)
    engine = FakeEngine().add("network", "testbed_public", {CLUSTER: "another"})
    assert "tun0" in host_addresses.overlaps(cast("docker.DockerClient", engine), settings, SUBNETS).what
    assert ["ip", "-4", "-json", "route", "show", "table", "all"] in asked
    answers["route"] = "Dump terminated"
    assert host_addresses.overlaps(cast("docker.DockerClient", engine), settings, SUBNETS).status is CheckLevel.WARN
