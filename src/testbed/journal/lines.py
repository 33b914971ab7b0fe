"""What a line of a journal file is: a header, an event, half a line, or no line of a journal at all.

Each line is one write of a writer, which the kernel puts at the end whole. Half a line is there when a disk was
full or a host crashed; another writer's whole line may follow it without a line's end between them.
"""

from __future__ import annotations

import json
from typing import Any

from testbed.journal.events import HEADER, VERSION
from testbed.journal.journal import Opening

BEGIN = b'{"kind":"'
HEADER_BEGIN = f'{{"kind":"{HEADER}"'.encode()


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a time")


# Infinite times cannot be put in order.
_decoder = json.JSONDecoder(parse_constant=_no_number)


def decode(raw: bytes) -> dict[str, Any] | None:
    """Return a line's fields; None if it is not a JSON object."""
    try:
        fields = _decoder.decode(raw.decode())
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def whole_part(raw: bytes) -> dict[str, Any] | None:
    """The line that another writer put behind half a line; None if there is none.

    The bytes that a line begins with cannot be inside one: there its quotes would be escaped.
    """
    place = raw.rfind(BEGIN)
    return decode(raw[place:]) if place > 0 else None


def is_cut_off(raw: bytes) -> bool:
    """Whether a line that cannot be read looks like the begin of an event, or of several."""
    return (raw.startswith(BEGIN) or BEGIN.startswith(raw)) and raw.isascii() and raw.decode().isprintable()


def opening(fields: dict[str, Any]) -> Opening:
    """The header that a line is.

    Raises:
        KeyError, TypeError, ValueError: a field is missing or holds what it may not.
    """
    attrs = {str(name): str(value) for name, value in dict(fields["attrs"]).items()}
    return Opening(str(fields["source"]), int(fields["pid"]), attrs, float(fields["wall"]), float(fields["mono"]))


def is_header(fields: dict[str, Any]) -> bool:
    """Whether the line is a header."""
    return fields.get("kind") == HEADER


def wrong_version(fields: dict[str, Any]) -> str:
    """What is wrong with a header's version; empty if nothing is."""
    version = fields.get("version")
    return "" if version == VERSION else f"journal version {version!r}, this testbed reads {VERSION}"
