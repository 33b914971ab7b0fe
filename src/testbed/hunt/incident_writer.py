"""Incident files of what a hunt found, ready for ``testbed run``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from testbed.hunt.hunt_store import INCIDENTS, HuntFinding, HuntStore
from testbed.hunt.sequence import as_incident
from testbed.incidents.incident_model import Incident


def sequence_name(seed: int, number: int, finding: int = 0) -> str:
    """What a sequence is called: by its hunt's seed, its number, and the finding it belongs to."""
    return f"hunt-{seed}-{number:04}" + (f"-finding-{finding}" if finding else "")


def sequence_seed(seed: int, number: int) -> int:
    """The seed of a sequence's own random choices (``app:any``, the users' actions)."""
    return seed + number


def incident_of_finding(store: HuntStore, finding: HuntFinding) -> Incident:
    """The incident that shows a finding."""
    why = (
        f"Found by `testbed hunt` with seed {store.settings.seed} in sequence {finding.number}, under the profile "
        f"{store.settings.profile}. {finding.check} fails: {finding.text or finding.cause}"
    )
    steps, seed = finding.steps, sequence_seed(store.settings.seed, finding.number)
    return as_incident(steps, finding.incident.removesuffix(".yaml"), why, seed)


def write_incident(store: HuntStore, finding: HuntFinding) -> Path:
    """Write the incident file of a finding, and return its path."""
    path = store.folder / INCIDENTS / finding.incident
    path.write_text(incident_yaml(incident_of_finding(store, finding), store, finding), encoding="utf-8")
    return path


def incident_yaml(incident: Incident, store: HuntStore, finding: HuntFinding) -> str:
    """An incident as YAML: each step on a line, every text quoted as JSON does."""
    found = incident.model_dump(mode="json", exclude_defaults=True)
    template = _environment().get_template("incident.yaml.j2")
    return template.render(incident=found, settings=store.settings, finding=finding)


@cache
def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - YAML, no HTML
        loader=PackageLoader("testbed.hunt"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment
