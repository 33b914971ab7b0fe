"""Quantities as people write them in files and on command lines: ``200ms``, ``1.5s``, ``2m``, ``2/s``, ``30%``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from testbed.durations import parse_duration

__all__ = [
    "Duration",
    "PerSecond",
    "Percent",
    "format_duration",
    "format_percentage",
    "format_rate",
    "parse_duration",
    "parse_percentage",
]

_PATTERN = r"^\d+(\.\d+)?(ms|s|m)$"


def format_duration(value: float) -> str:
    """Return a duration with its unit: ``200ms``, ``1.5s``."""
    if value < 1 and value:
        return f"{value * 1000:g}ms"
    return f"{value:g}s"


def format_rate(value: float) -> str:
    """Return a rate with its unit: ``2/s``."""
    return f"{value:g}/s"


def format_percentage(value: float) -> str:
    """Return a percentage: ``30%``."""
    return f"{value:g}%"


def _per_second(text: object) -> float:
    return _number(text, "/s", "rate", "2/s")


def parse_percentage(text: object) -> float:
    """Return the number of a percentage: 30.0 of ``30%``.

    Raises:
        ValueError: the text is not a percentage; the message says how to write one.
    """
    return _number(text, "%", "percentage", "30%")


def _number(text: object, unit: str, noun: str, example: str) -> float:
    match = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*{unit}", str(text).strip(), re.ASCII)
    if not match:
        raise ValueError(f"{text!r} is not a {noun}: write a number with its unit, such as {example}")
    return float(match[1])


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["200ms", "30s", "2m"]}),
]
PerSecond = Annotated[
    float,
    BeforeValidator(_per_second),
    PlainSerializer(format_rate),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?/s$", "examples": ["2/s"]}),
]
Percent = Annotated[
    float,
    BeforeValidator(parse_percentage),
    PlainSerializer(format_percentage),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?%$", "examples": ["30%"]}),
]
