"""The published schema is that of the events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from forging import Story, lines, write

from testbed.journal.events import HEADER, KINDS
from testbed.journal.json_schema import schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "journal.schema.json"
TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "object": dict, "array": list}


def test_what_is_published_is_what_is_read() -> None:
    assert json.loads(PUBLISHED.read_text()) == schema(), "`testbed schema journal` prints it"


def test_every_kind_and_every_field_is_described() -> None:
    assert set(schema()["$defs"]) == {HEADER, *KINDS}
    for kind, event in schema()["$defs"].items():
        assert event["description"], kind
        for name, field in event["properties"].items():
            assert name in ("kind", "version") or field.get("description"), f"{kind}.{name}"


def valid(value: Any, rule: dict[str, Any]) -> bool:  # noqa: ANN401 - JSON
    """Just as much of JSON schema as this schema uses."""
    if "const" in rule:
        return bool(value == rule["const"])
    if "enum" in rule:
        return value in rule["enum"]
    if not isinstance(value, TYPES[rule["type"]]):
        return False
    if "items" in rule:
        return all(valid(each, rule["items"]) for each in value)
    known = rule.get("properties", {})
    more = rule.get("additionalProperties", True)
    return set(rule.get("required", ())) <= set(value if known else ()) and all(
        valid(each, known[name]) if name in known else more is True or (bool(more) and valid(each, more))
        for name, each in (value.items() if isinstance(value, dict) else ())
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    path = tmp_path_factory.mktemp("schema") / "journal.jsonl"
    write(path, lines(Story()))
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_line_that_is_written_is_valid_as_one_kind(written: list[dict[str, Any]]) -> None:
    every = schema()["$defs"]
    for line in written:
        assert [kind for kind, rule in every.items() if valid(line, rule)] == [line["kind"]], line


def test_a_line_with_something_wrong_is_not(written: list[dict[str, Any]]) -> None:
    every = schema()["$defs"]
    line = next(each for each in written if each["kind"] == "probe")
    for wrong in ({"outcome": "maybe"}, {"scheduled": "soon"}, {"color": 1}, {"kind": "x"}, {"attrs": {"app": 1}}):
        assert not any(valid(line | wrong, rule) for rule in every.values()), wrong
    without = {name: value for name, value in line.items() if name != "mono"}
    assert not any(valid(without, rule) for rule in every.values())
