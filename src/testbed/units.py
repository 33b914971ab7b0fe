"""Quantities as people write them in files and on command lines: ``200ms``, ``1.5s``, ``2m``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from testbed.durations import seconds

__all__ = ["Duration", "seconds", "written"]

_PATTERN = r"^\d+(\.\d+)?(ms|s|m)$"


def written(value: float) -> str:
    """A duration in its most readable unit."""
    if value < 1 and value:
        return f"{value * 1000:g}ms"
    return f"{value:g}s"


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    PlainSerializer(written),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["200ms", "30s", "2m"]}),
]
