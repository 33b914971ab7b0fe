"""YAML files as people write them: read by YAML 1.2, with the place and the text of every value.

Incident files and Compose files go through it, so that every mistake in either is reported in the same form:
``file:line:column: what is wrong; how to fix it``.
"""

from testbed.yaml_source.dialect import COMPOSE, INCIDENT, Dialect
from testbed.yaml_source.dump import dump
from testbed.yaml_source.problem import KeyPath, Problem, nearest, quoted
from testbed.yaml_source.scalars import resolve as resolve_scalar
from testbed.yaml_source.source import Source
from testbed.yaml_source.validation import Mistakes, validated

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
