"""Addresses and routes of the host that overlap the cluster's: clients of VPNs and proxies use 198.18.0.0/15, too."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import docker

from testbed.errors import TestbedError
from testbed.host import identity
from testbed.host.command import run
from testbed.host.host_check import HostCheck, fail, join_names, ok, warn
from testbed.settings import CLUSTER_LABEL, Settings

_NAME = "addresses"
# A route so wide leads to the Internet. The cluster's own, which are narrower, go before it and take nothing from it.
_WIDE = 8
# Kinds of routes that the kernel makes of each address by itself (ip-route(8)).
_OF_ADDRESSES = ("local", "broadcast", "anycast", "multicast")
_PREFIXES = ("198.18", "198.19", "10.198", "10.219", "172.31")


@dataclass(frozen=True)
class UsedAddress:
    """Addresses that the host uses.

    Args:
        network: which.
        interface: through which interface.
        what: where the address is from, such as ``the address 198.18.0.1/16``.
    """

    network: IPv4Network
    interface: str
    what: str


def overlaps(engine: docker.DockerClient, settings: Settings, subnets: Iterable[IPv4Network]) -> HostCheck:
    """Check that no interface and no route of the host overlaps the cluster's networks.

    Args:
        engine: its bridges are left out: the check of its networks names those (``neighbours``).
        settings: the project.
        subnets: the cluster's.
    """
    try:
        addresses, routes = _query_ip("address", "show"), _query_ip("route", "show", "table", "all")
    except (TestbedError, ValueError) as error:
        return warn(_NAME, f"the host's addresses are not known: {error}", "apt-get install iproute2")
    networks = engine.api.networks()
    known = identity.read(settings)
    up = bool(known) and any((each.get("Labels") or {}).get(CLUSTER_LABEL) == known for each in networks)
    return judge(list(taken(addresses, routes, bridges(networks))), list(subnets), up=up)


def _query_ip(*arguments: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(
        run(["ip", "-4", "-json", *arguments], "asking for addresses", seconds=20)
    )
    return answer


def bridges(networks: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the names of the host's interfaces that are bridges of the engine's networks.

    Args:
        networks: as the engine lists them.
    """
    return {
        str((each.get("Options") or {}).get("com.docker.network.bridge.name") or f"br-{each['Id'][:12]}")
        for each in networks
        if each.get("Driver") == "bridge"
    }


def taken(
    addresses: Iterable[Mapping[str, Any]], routes: Iterable[Mapping[str, Any]], without: Collection[str]
) -> Iterator[UsedAddress]:
    """Return the addresses that the host uses. Pure.

    Args:
        addresses: what ``ip -4 -json address show`` prints.
        routes: what ``ip -4 -json route show table all`` prints.
        without: interfaces that do not count.
    """
    for link in addresses:
        name = str(link.get("ifname", ""))
        for entry in link.get("addr_info", []) if name not in without else []:
            if "local" in entry:
                text = f"{entry['local']}/{entry.get('prefixlen', 32)}"
                yield UsedAddress(IPv4Network(text, strict=False), name, f"the address {text}")
    for route in routes:
        hops = [str(hop.get("dev", "")) for hop in route.get("nexthops", [])]
        devices = [name for name in [str(route.get("dev", "")), *hops] if name]
        if route.get("type", "unicast") in _OF_ADDRESSES or route["dst"] == "default":
            continue
        network = IPv4Network(route["dst"])
        if network.prefixlen >= _WIDE and not (devices and set(devices) <= set(without)):
            yield UsedAddress(network, devices[0] if devices else "", f"the route {route['dst']}")


def judge(found: Sequence[UsedAddress], subnets: Sequence[IPv4Network], *, up: bool) -> HostCheck:
    """Find what overlaps the cluster's networks. Pure.

    Args:
        found: the addresses that the host uses.
        subnets: the cluster's.
        up: whether the cluster's networks are there already.
    """
    overlapping: dict[str, str] = {}
    for each in found:
        for ours in subnets:
            if ours.overlaps(each.network):
                where = f" of the interface {each.interface}" if each.interface else ""
                what = f"the cluster's network {ours} overlaps {each.what}{where}"
                # An interface has one entry: its address also makes routes.
                overlapping.setdefault(each.interface or each.what, what)
    if not overlapping:
        return ok(_NAME, "no interface or route of the host overlaps the cluster's networks")
    what, free = join_names(overlapping.values()), free_prefix(found)
    fix = "set TESTBED_PREFIX to other addresses" + (f", such as {free}" if free else "")
    return warn(_NAME, what, f"`testbed down`, then {fix}") if up else fail(_NAME, what, fix)


def free_prefix(found: Iterable[UsedAddress]) -> str:
    """Return a value for TESTBED_PREFIX that overlaps nothing that was found, empty when none is known.

    Args:
        found: the addresses that the host uses.
    """
    used = [each.network for each in found]
    free = (each for each in _PREFIXES if not any(IPv4Network(f"{each}.0.0/16").overlaps(net) for net in used))
    return next(free, "")
