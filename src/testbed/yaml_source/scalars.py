"""Plain scalars by YAML 1.2's core schema, and those that no reader should have to interpret.

Source: YAML 1.2.2, section 10.3.2 (https://yaml.org/spec/1.2.2/#1032-tag-resolution). A YAML library resolves more than
the core schema (dates, ``1_000``, ``0b11``), each in its own way.
"""

from __future__ import annotations

import re

Scalar = bool | int | float | str | None

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)")
# YAML 1.1, on which Compose is built, reads these as octal, decimal with digit groups, and binary.
_AMBIGUOUS = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9]*_[0-9_]*|0[box][0-9a-fA-F]*_[0-9a-fA-F_]*|0b[01]+)")


def resolve(text: str) -> Scalar:
    """Return the value of a plain scalar.

    Raises:
        ValueError: the number has more digits than Python converts.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text) or _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return float(text.replace(".", "")) if _INFINITE.fullmatch(text) else text


def is_ambiguous(text: str) -> bool:
    """Whether YAML 1.1 and YAML 1.2 read a plain scalar as different numbers, such as ``0777`` or ``1_000``."""
    return bool(_AMBIGUOUS.fullmatch(text))
