"""What else uses the engine and overlaps the cluster's addresses: the networks of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, ip_network
from typing import Any

import docker

from testbed.host import identity
from testbed.host.host_check import HostCheck, fail, join_names, ok
from testbed.settings import CLUSTER_LABEL, Settings


def overlaps(engine: docker.DockerClient, settings: Settings, subnets: Iterable[IPv4Network]) -> HostCheck:
    """Check that no other network of the engine overlaps the cluster's."""
    return judge_overlaps(engine.api.networks(), identity.read(settings), subnets)


def judge_overlaps(networks: Iterable[Mapping[str, Any]], cluster: str, subnets: Iterable[IPv4Network]) -> HostCheck:
    """Find networks of others that overlap the cluster's.

    Args:
        networks: as the engine lists them.
        cluster: our identity; networks that carry it are ours. Empty: none is.
        subnets: the cluster's.
    """
    cluster_networks = list(subnets)
    found: dict[str, str] = {}
    for network in networks:
        if cluster and (network.get("Labels") or {}).get(CLUSTER_LABEL) == cluster:
            continue
        for config in (network.get("IPAM") or {}).get("Config") or []:
            theirs = ip_network(config["Subnet"], strict=False) if config.get("Subnet") else None
            for ours in cluster_networks:
                if isinstance(theirs, IPv4Network) and ours.overlaps(theirs):
                    found.setdefault(network["Name"], f"{ours} overlaps the network {network['Name']} ({theirs})")
    if found:
        return fail(
            "networks",
            join_names(found.values()),
            f"docker network rm {' '.join(found)}, or stop what uses {'it' if len(found) == 1 else 'them'}, or set "
            "TESTBED_PREFIX",
        )
    return ok("networks", "no other network overlaps the cluster's")
