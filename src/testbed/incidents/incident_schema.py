"""The JSON schema of incident files, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from testbed.faults import FAULTS
from testbed.incidents.incident_model import CONDITIONS, KINDS, Incident
from testbed.incidents.loader import EXTENSION
from testbed.incidents.step_problems import BELONGS
from testbed.units import format_duration, format_percentage, format_rate

TARGETS = ["db:primary", "db:standby", "db:any", "lb:active", "lb:standby", "lb:any", "app:any", "mail:any", "app-1"]
# How a number's default is written, by the end of the pattern that the text must match.
UNITS = {"/s$": format_rate, "%$": format_percentage}


def schema() -> dict[str, Any]:
    """Return the schema of an incident file: the model's, with each fault's own options and what each word means."""
    document = Incident.model_json_schema()
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document, "title": "testbed incident"}
    document["patternProperties"] = {f"^{EXTENSION}": {"description": "The author's own, such as anchors; ignored."}}
    step = document["$defs"]["Step"]
    keys = step["properties"]
    keys["inject"] = {
        "description": keys["inject"]["description"],
        "anyOf": [{"const": name, "description": fault.summary} for name, fault in FAULTS.items()],
    }
    keys["wait_for"] = {
        "description": keys["wait_for"]["description"],
        "anyOf": [{"const": name, "description": meaning} for name, meaning in CONDITIONS.items()],
    }
    keys["target"]["examples"] = TARGETS
    step["allOf"] = [_options(name) for name in FAULTS]
    step["oneOf"] = [{"required": [kind]} for kind in KINDS]
    step["dependentRequired"] = {"inject": ["target"], **{key: [kind] for key, kind in BELONGS.items()}}
    _plain(document)
    return document


def _options(fault: str) -> dict[str, Any]:
    """What a step with this fault may hold under ``options``."""
    options = FAULTS[fault].Options.model_json_schema()
    options.pop("title", None)
    options.pop("description", None)
    return {
        "if": {"properties": {"inject": {"const": fault}}, "required": ["inject"]},
        "then": {"properties": {"options": options}},
    }


def _plain(value: object) -> None:
    """Remove null as a value: it only means that the key is optional, and editors would offer it."""
    if isinstance(value, list):
        for each in value:
            _plain(each)
    if not isinstance(value, dict):
        return
    choices = value.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [each for each in choices if each != {"type": "null"}]
        if len(rest) == 1:
            del value["anyOf"]
            value.update(rest[0])
        else:
            value["anyOf"] = rest
    if value.get("default", "") is None:
        del value["default"]
    if value.get("type") == "string" and isinstance(value.get("default"), float):
        pattern = value.get("pattern", "")
        write = next((write for unit, write in UNITS.items() if pattern.endswith(unit)), format_duration)
        value["default"] = write(value["default"])
    for name, each in list(value.items()):
        if name == "title" and isinstance(each, str) and "$defs" not in value:
            del value["title"]  # pydantic repeats each key's name there
        else:
            _plain(each)
