"""Which product answers as the engine: others speak Docker's API too, and fail later, in the first build or fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testbed.errors import UsageError

_FIX = "apt-get install docker.io as root, and unset DOCKER_HOST"


def must_be_docker(version: Mapping[str, Any]) -> None:
    """Refuse an engine that cannot run the cluster, by its name.

    Args:
        version: its answer to ``/version`` (Docker Engine API, ``SystemVersion``).

    Raises:
        UsageError: it is Podman, or runs in a virtual machine of Docker Desktop.
    """
    components = {str(each.get("Name")): str(each.get("Version")) for each in version.get("Components") or ()}
    if "Podman Engine" in components:
        raise UsageError(
            f"the engine is Podman {components['Podman Engine']}: testbed needs Docker's builder and networks",
            fix=_FIX,
        )
    platform = str((version.get("Platform") or {}).get("Name") or "")
    if platform.startswith("Docker Desktop"):
        raise UsageError(
            f"the engine is {platform}: its containers run in a virtual machine, so testbed cannot reach their cables",
            fix=_FIX,
        )


def must_not_be_rootless(info: Mapping[str, Any]) -> None:
    """Refuse a Docker engine that runs without root: the cluster's cables would lie in a namespace of its own.

    Args:
        info: its answer to ``/info`` (Docker Engine API, ``SystemInfo``).

    Raises:
        UsageError: it is rootless.
    """
    if any("name=rootless" in str(option) for option in info.get("SecurityOptions") or ()):
        raise UsageError(
            "the engine is rootless Docker: its networks lie outside the host's, so testbed cannot reach their cables",
            fix="use the system's Docker engine: join group docker, and unset DOCKER_HOST",
        )
