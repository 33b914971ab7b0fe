"""Quantities as people write them in files and on command lines: ``200ms``, ``1.5s``, ``2m``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_FACTORS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_PATTERN = r"^\d+(\.\d+)?(ms|s|m)$"


def seconds(text: object) -> float:
    """A duration in seconds.

    Args:
        text: a number with a unit, such as ``20ms``, ``30s``, ``2m``.

    Raises:
        ValueError: no such thing; the message tells how to write it.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is no duration: write a number with its unit, as 200ms, 30s or 2m")
    return float(match[1]) * _FACTORS[match[2]]


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
