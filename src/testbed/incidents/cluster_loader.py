"""An incident file checked against the cluster that it asks for, before anything starts."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from testbed import topology
from testbed.cluster.shape import Shape, remembered, with_profile
from testbed.incidents.incident_model import Incident
from testbed.incidents.loader import find, load
from testbed.recorder import PATTERNS
from testbed.settings import Settings
from testbed.topology import Topology


def load_for_cluster(name: str | Path, settings: Settings) -> Incident:
    """Return an incident that was checked against the cluster it asks for; see ``load_with_design``."""
    return load_with_design(name, settings)[0]


def load_with_design(
    name: str | Path, settings: Settings, applications: tuple[str, ...] = ()
) -> tuple[Incident, Topology]:
    """Return an incident that was checked against the cluster it asks for, and that cluster's topology.

    Args:
        name: a file, or the name of one in ``incidents/``.
        settings: of the checkout.
        applications: folders of applications that the cluster is to have, besides those that it has.

    Raises:
        UsageError: the first mistake, with file, line, column and how to fix it.
    """
    path = find(str(name), settings.root)
    folder = settings.topology.parent
    overlays = {file.stem for file in folder.glob("*.yaml")} - {settings.topology.stem}
    first = load(path, patterns=frozenset(PATTERNS), overlays=overlays)
    now = remembered(settings)
    folders = tuple(dict.fromkeys((*now.applications, *applications)))
    shape = replace(now, overlays=_overlays(first, now), applications=folders)
    design = _design(settings, shape)
    return load(path, design, scale=dict(now.scale)), design


def _overlays(incident: Incident, now: Shape) -> tuple[str, ...]:
    """Return the overlays of the cluster that an incident asks for; by default those that the cluster has."""
    overlays = now.with_overlays(incident.cluster.overlays).overlays
    return overlays if incident.cluster.profile is None else with_profile(overlays, incident.cluster.profile)


@lru_cache
def _design(settings: Settings, shape: Shape) -> Topology:
    """Return the topology of a cluster; it is cached, because Compose is slow and most incidents ask for the same."""
    return topology.load(shape.files(settings), shape.environment(settings), None, settings.state_dir)
