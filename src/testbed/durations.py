"""Durations as people write them; no library is needed, for the programs inside the nodes read them too."""

from __future__ import annotations

import re

_FACTORS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def parse_duration(text: object) -> float:
    """Return the seconds of a duration.

    Args:
        text: a number with a unit, such as ``20ms``, ``30s``, ``2m``.

    Raises:
        ValueError: not a duration; the message says how to write one.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", str(text).strip(), re.ASCII)
    if not match:
        raise ValueError(f"{text!r} is not a duration: write a number with its unit, as 200ms, 30s or 2m")
    return float(match[1]) * _FACTORS[match[2]]


def parse_long_duration(text: object) -> float:
    """A duration in seconds, on a command line: hours too, because a hunt may go on all night.

    Args:
        text: a number with a unit, such as ``30s``, ``2m``, ``8h``.

    Raises:
        ValueError: not a duration; the message says how to write one.
    """
    written = str(text).strip()
    hours = re.fullmatch(r"(\d+(?:\.\d+)?)h", written, re.ASCII)
    if hours:
        return float(hours[1]) * 3600
    try:
        return parse_duration(written)
    except ValueError:
        raise ValueError(f"{text!r} is not a duration: write a number with its unit, as 200ms, 30s, 2m or 8h") from None
