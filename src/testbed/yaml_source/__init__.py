"""YAML files as people write them: read by YAML 1.2, with the place and the text of every value.

Incident files and Compose files go through it, so that every mistake in either is reported in the same form:
``file:line:column: what is wrong; how to fix it``.

The parser is imported when it is used first (PEP 562): most commands take the Compose files from a cache.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from testbed.yaml_source.dialect import COMPOSE, INCIDENT, Dialect
from testbed.yaml_source.problem import KeyPath, Problem, nearest, quoted
from testbed.yaml_source.scalars import resolve as resolve_scalar
from testbed.yaml_source.validation import Mistakes, validated

if TYPE_CHECKING:
    from testbed.yaml_source.dump import dump
    from testbed.yaml_source.source import Source

_DEFINED_IN = {"Source": "testbed.yaml_source.source", "dump": "testbed.yaml_source.dump"}

__all__ = [
    "COMPOSE",
    "INCIDENT",
    "Dialect",
    "KeyPath",
    "Mistakes",
    "Problem",
    "Source",
    "dump",
    "nearest",
    "quoted",
    "resolve_scalar",
    "validated",
]


def __getattr__(name: str) -> object:
    """Import what is used for the first time."""
    if name not in _DEFINED_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(_DEFINED_IN[name]), name)
    globals()[name] = value
    return value
