"""What the fields of a journal's line may hold: each function returns it, or says what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from math import isfinite
from typing import Any, cast


def number(value: object) -> float:
    """A finite number."""
    if type(value) not in (float, int):
        raise TypeError(f"{value!r} is not a number")
    number = float(cast("float", value))
    if not isfinite(number):
        raise ValueError(f"{value!r} cannot be put in order")
    return number


def whole(value: object) -> int:
    """A whole number."""
    if type(value) is not int:
        raise TypeError(f"{value!r} is not an integer")
    return value


def text(value: object) -> str:
    """A text."""
    if type(value) is not str:
        raise TypeError(f"{value!r} is not a text")
    # Names of nodes, users and probes come again and again.
    return sys.intern(value) if len(value) < 64 else value


def texts(value: object) -> Mapping[str, str]:
    """Texts by name."""
    if type(value) is not dict:
        raise TypeError(f"{value!r} is not a mapping")
    return {text(key): text(each) for key, each in value.items()}


def data(value: object) -> Mapping[str, Any]:
    """Anything by name."""
    if type(value) is not dict:
        raise TypeError(f"{value!r} is not a mapping")
    return value


def ports(value: object) -> tuple[int, ...]:
    """Numbers of ports."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is not a list of ports")
    return tuple(whole(each) for each in value)
