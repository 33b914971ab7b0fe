"""Durations as people write them; no library is needed, for the programs inside the nodes read them too."""

from __future__ import annotations

import re

_FACTORS = {"ms": 0.001, "s": 1.0, "m": 60.0}


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
