"""What else uses the engine and could be in the cluster's way: another checkout's cluster, networks that overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

import docker

from testbed.host.findings import Finding, fail, ok
from testbed.settings import PROJECT_LABEL, Settings

_FOLDER = f"{PROJECT_LABEL}.working_dir"


def other_checkout(engine: docker.DockerClient, settings: Settings) -> Finding:
    """Check that the project's containers, if any, are this checkout's."""
    containers = engine.api.containers(all=True, filters={"label": f"{PROJECT_LABEL}={settings.project}"})
    return judge_checkout((each["Labels"] for each in containers), settings.project, settings.topology.parent)


def judge_checkout(labels: Iterable[Mapping[str, str]], project: str, ours: Path) -> Finding:
    """Tell whether containers of the project come from another folder.

    Args:
        labels: of each of the project's containers.
        project: the project.
        ours: the folder this checkout's cluster is started from.
    """
    folders = {each[_FOLDER] for each in labels if _FOLDER in each}
    foreign = sorted(folder for folder in folders if Path(folder) not in (ours, ours.parent))
    if foreign:
        return fail(
            "project",
            f"a cluster named {project} runs from {foreign[0]}",
            "`testbed down` there, or set COMPOSE_PROJECT_NAME (its networks must differ as well)",
        )
    return ok("project", f"{project}: {'runs' if folders else 'nobody else runs it'}")


def overlaps(engine: docker.DockerClient, settings: Settings, subnets: Iterable[IPv4Network]) -> Finding:
    """Check that no other network of the engine overlaps the cluster's."""
    return judge_overlaps(engine.api.networks(), settings.project, subnets)


def judge_overlaps(networks: Iterable[Mapping[str, Any]], project: str, subnets: Iterable[IPv4Network]) -> Finding:
    """Find networks of others that overlap the cluster's.

    Args:
        networks: as the engine lists them.
        project: whose networks are ours.
        subnets: the cluster's.
    """
    wanted = list(subnets)
    for network in networks:
        if (network.get("Labels") or {}).get(PROJECT_LABEL) == project:
            continue
        for config in (network.get("IPAM") or {}).get("Config") or []:
            theirs = ip_network(config["Subnet"], strict=False) if config.get("Subnet") else None
            for ours in wanted:
                if isinstance(theirs, IPv4Network) and ours.overlaps(theirs):
                    return fail(
                        "networks",
                        f"{ours} overlaps the network {network['Name']} ({theirs})",
                        f"docker network rm {network['Name']}, or stop what uses it",
                    )
    return ok("networks", "no other network overlaps the cluster's")
