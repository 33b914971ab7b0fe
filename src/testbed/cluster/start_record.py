"""A record of what ``docker compose up`` last made, so that Compose need not compare a cluster that is up.

Compose takes about a second to find out that it has nothing to do. Two lists of the engine show the same: the
containers are those that it made, of the images that their names still mean, on the same networks, and all run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker

from testbed.host import identity
from testbed.record_file import replace_file
from testbed.settings import ONEOFF_LABEL, Settings

FILE = "started.json"
RUNNING = "running"


def is_as_started(client: docker.DockerClient, settings: Settings, key: str) -> bool:
    """Return whether ``docker compose up`` would change nothing, as far as the record and the engine show.

    Args:
        client: the engine.
        settings: the project.
        key: ``start_key`` of what is wanted.
    """
    try:
        recorded = json.loads(_path(settings).read_bytes())
    except (OSError, ValueError):
        return False
    containers = _containers(client, settings)
    if not containers or any(each["State"] != RUNNING for each in containers):
        return False
    current = {tag: str(image["Id"]) for image in client.api.images() for tag in image.get("RepoTags") or ()}
    outdated = any(current.get(_tag(str(each["Image"]))) != each["ImageID"] for each in containers)
    return not outdated and recorded == {"key": key, "containers": _describe(containers)}


def record_start(client: docker.DockerClient, settings: Settings, key: str) -> None:
    """Record the containers that ``docker compose up`` has made."""
    with suppress(OSError):
        record = {"key": key, "containers": _describe(_containers(client, settings))}
        replace_file(_path(settings), json.dumps(record))


def forget_start(settings: Settings) -> None:
    """Delete the record."""
    _path(settings).unlink(missing_ok=True)


def start_key(merged: Mapping[str, Any], overlay: Mapping[str, Any], scale: Mapping[str, int]) -> str:
    """Return a digest of what Compose is asked to start.

    Args:
        merged: the Compose files, merged.
        overlay: the labels on top of them.
        scale: containers of a scaled service.
    """
    wanted = json.dumps([merged, overlay, dict(scale)], sort_keys=True, default=str)
    return hashlib.sha256(wanted.encode()).hexdigest()


def _containers(client: docker.DockerClient, settings: Settings) -> list[dict[str, Any]]:
    own = [*identity.own(settings), f"{ONEOFF_LABEL}=False"]
    found: list[dict[str, Any]] = client.api.containers(all=True, filters={"label": own})
    return found


def _describe(containers: list[dict[str, Any]]) -> list[list[str]]:
    """Each container with its networks."""
    described = []
    for each in containers:
        networks: Mapping[str, Any] = (each.get("NetworkSettings") or {}).get("Networks") or {}
        described.append([str(each["Id"]), *sorted(str(end.get("NetworkID")) for end in networks.values())])
    return sorted(described)


def _tag(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def _path(settings: Settings) -> Path:
    return settings.state_dir / FILE
