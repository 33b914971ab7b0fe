"""The JSON schema of incident files, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from testbed.scenarios.model import CONDITIONS, Scenario


def schema(faults: dict[str, str]) -> dict[str, Any]:
    """The schema of an incident file.

    Args:
        faults: each fault and its one line of description.
    """
    document = Scenario.model_json_schema()
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document, "title": "testbed incident"}
    step = document["$defs"]["Step"]["properties"]
    step["fault"] = {
        "description": step["fault"]["description"],
        "anyOf": [{"const": name, "description": summary} for name, summary in faults.items()],
    }
    step["when"] = {
        "description": step["when"]["description"],
        "anyOf": [{"const": name, "description": meaning} for name, meaning in CONDITIONS.items()],
    }
    _plain(document)
    return document


def _plain(value: object) -> None:
    """Take away what only says that a key may be left out: a file never writes null, and editors offer it."""
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
    for name, each in list(value.items()):
        if name == "title" and isinstance(each, str) and "properties" not in value:
            del value["title"]  # pydantic repeats each key's name there
        else:
            _plain(each)
