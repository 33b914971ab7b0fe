"""What else uses the engine and could be in the cluster's way: another checkout's cluster, networks that overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

import docker

from testbed.errors import UsageError
from testbed.host.findings import Finding, fail, ok, warn
from testbed.settings import PROJECT_LABEL, Settings

_FOLDER = f"{PROJECT_LABEL}.working_dir"


@dataclass(frozen=True)
class Other:
    """A cluster of our project's name that another folder brought up.

    Args:
        folder: that folder.
        gone: whether it has been deleted since, so that nobody can take the cluster down from there.
        runs: whether any of its machines does.
    """

    folder: Path
    gone: bool
    runs: bool


def other_cluster(engine: docker.DockerClient, settings: Settings) -> Other | None:
    """Return the cluster of another checkout that has the project's name, None when there is none."""
    containers = engine.api.containers(all=True, filters={"label": f"{PROJECT_LABEL}={settings.project}"})
    return find_other(containers, settings.topology.parent)


def find_other(containers: Iterable[Mapping[str, Any]], ours: Path) -> Other | None:
    """Find containers of the project that come from another folder.

    Args:
        containers: the project's, as the engine lists them.
        ours: the folder this checkout's cluster is started from.
    """
    foreign = [
        (Path(each["Labels"][_FOLDER]), each["State"] == "running")
        for each in containers
        if Path(each["Labels"].get(_FOLDER, ours)).resolve() not in (ours.resolve(), ours.resolve().parent)
    ]
    if not foreign:
        return None
    folder = min(folder for folder, _ in foreign)
    return Other(folder, _is_gone(folder), any(running for _, running in foreign))


def must_be_ours(engine: docker.DockerClient, settings: Settings) -> None:
    """Refuse to touch another checkout's cluster; one whose folder is gone is nobody's.

    Raises:
        UsageError: there is one.
    """
    if other := other_cluster(engine, settings):
        must_be_removable(other, settings.project, asked=False)


def must_be_removable(other: Other, project: str, *, asked: bool) -> None:
    """Refuse to remove another checkout's cluster that is of use to somebody.

    Args:
        other: the cluster.
        project: its name.
        asked: whether the user wants one that is off removed.

    Raises:
        UsageError: it is to stay.
    """
    if other.gone or (asked and not other.runs):
        return
    finding = judge(other, project)
    raise UsageError(finding.what, where=finding.name, mend=finding.mend)


def judge(other: Other | None, project: str) -> Finding:
    """Tell whether another checkout's cluster is in the way of ours.

    Args:
        other: the cluster, if there is one.
        project: its name, and ours.
    """
    if other is None:
        return ok("project", f"{project}: nobody else runs it")
    if other.gone:
        return warn(
            "project",
            f"a cluster named {project} is left over from {other.folder}, which is gone",
            "`testbed up` removes it",
        )
    there = "`testbed down` there"
    otherwise = "set COMPOSE_PROJECT_NAME (its networks must differ as well)"
    if other.runs:
        return fail("project", f"a cluster named {project} runs from {other.folder}", f"{there}, or {otherwise}")
    return fail(
        "project",
        f"a cluster named {project}, brought up from {other.folder}, is off",
        f"{there}, `testbed up --take-over` here (its data go), or {otherwise}",
    )


def _is_gone(folder: Path) -> bool:
    """Whether a folder does not exist; one that we may not look at does."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


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
