"""The overlay that puts the cluster's identity on everything: Compose has no one place that labels all.

It is the last of the Compose files. It lies in the state folder, for people who call ``docker compose up`` by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed import topology
from testbed.cluster.shape import Shape
from testbed.host import identity
from testbed.settings import CLUSTER_LABEL, Settings
from testbed.yaml_source import dump

_HEAD = "# Written by `testbed up`: the cluster's identity. Pass it to `docker compose up` behind the other files.\n"


@dataclass(frozen=True)
class Labels:
    """The overlay.

    Args:
        path: its file.
        services: all services of the Compose files, nodes or not.
        labels: the overlay itself.
    """

    path: Path
    services: frozenset[str]
    labels: Mapping[str, Any]


def write(settings: Settings, shape: Shape) -> Labels:
    """Write the overlay for a cluster that is to be started.

    Args:
        settings: the project.
        shape: overlays and scale.

    Raises:
        UsageError: Compose refuses a file.
    """
    labels = {CLUSTER_LABEL: identity.ensure(settings)}
    overlay = topology.labelled(shape.files(settings), shape.environment(settings), labels, settings.state_dir)
    path = file(settings)
    path.write_text(_HEAD + dump(overlay))
    return Labels(path, frozenset(overlay.get("services", {})), overlay)


def file(settings: Settings) -> Path:
    """Return where the overlay lies."""
    return settings.state_dir / "labels.yaml"
