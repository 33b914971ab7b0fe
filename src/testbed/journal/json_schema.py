"""The JSON schema of a journal's lines, made from the events themselves, so that it cannot say anything else."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from testbed.journal.events import HEADER, KINDS, VERSION, Outcome

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_TYPES: Mapping[str, Mapping[str, Any]] = {
    "str": {"type": "string"},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "Outcome": {"enum": [outcome.value for outcome in Outcome]},
    "Mapping[str, str]": _TEXTS,
    "Mapping[str, Any]": {"type": "object"},
    "tuple[int, ...]": {"type": "array", "items": {"type": "integer"}},
}
_STAMPS: Mapping[str, Any] = {
    "wall": {"type": "number", "description": "When the line was written, Unix seconds."},
    "mono": {"type": "number", "description": "When the line was written, seconds of the host's CLOCK_MONOTONIC."},
}


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) that each line of a journal is valid against."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of a testbed journal, version {VERSION}",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in (HEADER, *KINDS)],
        "$defs": {HEADER: _header(), **{kind: _event(event) for kind, event in KINDS.items()}},
    }


def _header() -> dict[str, Any]:
    own = {
        "version": {"const": VERSION},
        "source": {"type": "string", "description": "Who writes."},
        "pid": {"type": "integer", "description": "Its process, in its own container."},
        "attrs": {**_TEXTS, "description": "What it says of itself."},
    }
    return _object(HEADER, "The first line of each writer.", own, required=list(own))


def _event(event: type) -> dict[str, Any]:
    text = inspect.getdoc(event) or ""
    about = _about(text)
    # A field that has no part in comparing is taken from the line's stamp.
    written: list[Field[Any]] = [each for each in fields(event) if each.compare]
    own = {
        each.name: {**_TYPES[str(each.type)], **({"description": about[each.name]} if each.name in about else {})}
        for each in written
    }
    # A field with a default may be left out.
    required = [each.name for each in written if each.default is MISSING and each.default_factory is MISSING]
    kind = next(name for name, known in KINDS.items() if known is event)
    return _object(kind, " ".join(text.split("\n\n")[0].split()), own, required)


def _object(kind: str, description: str, own: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": {"kind": {"const": kind}, **own, **_STAMPS},
        "required": ["kind", *required, *_STAMPS],
        "additionalProperties": False,
    }


def _about(docstring: str) -> dict[str, str]:
    """Return the description of each field in the ``Args`` of a docstring; a line may be about several."""
    _, _, listed = docstring.partition("Args:\n")
    about = {}
    for names, text in re.findall(r"^    (\w[\w, ]*): (.+(?:\n {8,}.+)*)", listed, re.MULTILINE):
        sentence = " ".join(text.split())
        for name in names.split(", "):
            about[name] = sentence[0].upper() + sentence[1:]
    return about
