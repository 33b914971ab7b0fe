"""Reads incident files; a mistake is reported in one line, with file, line, column and how to fix it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from testbed.errors import UsageError
from testbed.incident_files import SUFFIXES, incident_files
from testbed.incidents import renamed_keys
from testbed.incidents.cluster_problems import problems
from testbed.incidents.incident_model import Incident
from testbed.topology import Topology
from testbed.yaml_source import INCIDENT, Mistakes, Problem, Source, nearest, quoted, validated

FOLDER = "incidents"
GUIDE = "docs/incidents.md explains the keys"
# Keys at the top level that begin so are left to the author, as in Compose: a place for anchors.
EXTENSION = "x-"


def find(name: str, root: Path) -> Path:
    """Return the file of an incident.

    Args:
        name: a path, or the bare name of an incident in ``incidents/``.
        root: the checkout.

    Raises:
        UsageError: the file does not exist.
    """
    if Path(name).is_file():
        return Path(name)
    names = shipped(root)
    if name in names:
        return _short(names[name])
    if os.path.lexists(name) and not Path(name).is_dir():
        raise UsageError(f"{quoted(name)} is not a regular file", fix="copy the incident into a file")
    raise UsageError(f"no incident file {quoted(name)}", fix=nearest(Path(name).stem, names, f"{FOLDER}/ holds"))


def find_all(name: str, root: Path) -> list[Path]:
    """Return the file of an incident, or all incident files below a folder.

    Args:
        name: a path, or the bare name of an incident in ``incidents/``.
        root: the checkout.

    Raises:
        UsageError: the file does not exist, or the folder has no incident files.
    """
    if not Path(name).is_dir() or name in shipped(root):
        return [find(name, root)]
    if found := list(incident_files(Path(name))):
        return found
    suffixes = " or ".join(f"*{suffix}" for suffix in SUFFIXES)
    raise UsageError(f"no incident file in the folder {quoted(name)}", fix=f"their names end in {suffixes}")


def shipped(root: Path) -> dict[str, Path]:
    """Return the files in ``incidents/`` of a checkout by name."""
    return {path.stem: path for path in incident_files(root / FOLDER)}


def load(
    path: Path,
    topology: Topology | None = None,
    *,
    scale: Mapping[str, int] | None = None,
    patterns: Collection[str] | None = None,
    overlays: Collection[str] | None = None,
) -> Incident:
    """Return the incident of a file; no cluster needs to be up.

    Args:
        path: the file.
        topology: the cluster it is played on; without one, nodes, faults and networks are not checked.
        scale: nodes of each scaled service, where they differ from the topology and the file does not set them.
        patterns: the names of the log patterns that raise alarms; by default any name goes.
        overlays: the names of the Compose overlays there are; by default any name goes.

    Raises:
        UsageError: the first mistake in the file, as ``file:line:column: what; fix``.
    """
    source = Source.read(path, INCIDENT)
    if not isinstance(source.data, dict):
        raise source.refusal([Problem((), "an incident is a mapping of keys", f"begin with `name: ...`; {GUIDE}")])
    source.refuse_ambiguous()
    data = {key: value for key, value in source.data.items() if not key.startswith(EXTENSION)}
    if old := list(renamed_keys.problems(data)):
        raise source.refusal(old)
    try:
        incident = validated(Incident, data, source.written, GUIDE)
    except Mistakes as mistakes:
        raise source.refusal(mistakes.problems) from None
    incident, lost = _with_locustfile(incident, path)
    if found := [*lost, *problems(incident, topology, scale, patterns, overlays)]:
        raise source.refusal(found)
    return incident


def _with_locustfile(incident: Incident, path: Path) -> tuple[Incident, list[Problem]]:
    """Return the incident with the absolute path of its Locust file, and what is wrong with that file."""
    if incident.load.locustfile is None:
        return incident, []
    file = (path.parent / incident.load.locustfile).resolve()
    place = ("load", "locustfile")
    if not file.is_file():
        what = f"no Locust file {quoted(incident.load.locustfile)}"
        return incident, [Problem(place, what, f"its path is relative to {path.parent}/")]
    known = incident.load.model_copy(update={"locustfile": str(file)})
    return incident.model_copy(update={"load": known}), []


def _short(path: Path) -> Path:
    """Return the path relative to the current folder if it is below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
