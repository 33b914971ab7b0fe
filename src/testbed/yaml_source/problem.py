"""A mistake in a file and its message, which is short and on one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

KeyPath = tuple[str | int, ...]
# An error is one line of a terminal or two, whatever the file holds.
QUOTE_CHARACTERS = 40
LIST_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a file.

    Attributes:
        path: keys from the top of the file to the place.
        what: what is wrong there.
        fix: how to fix it.
        at_key: whether the key itself is meant, not its value.
    """

    path: KeyPath
    what: str
    fix: str
    at_key: bool = False


def shortened(text: str, limit: int) -> str:
    """Return ``text`` on one line, cut off with ``...`` where it is longer than ``limit`` characters."""
    line = " ".join(text[: 2 * limit].split())
    return line if len(line) <= limit and len(text) <= 2 * limit else f"{line[: limit - 3]}..."


def quoted(value: object) -> str:
    """Return a value as a message quotes it: a text in quotation marks, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value if len(value) <= QUOTE_CHARACTERS else f"{value[: QUOTE_CHARACTERS - 3]}...")
    return shortened(repr(value), QUOTE_CHARACTERS)


def nearest(word: str, known: Iterable[str], lead: str) -> str:
    """Return how to fix a mistyped word: the known word that is nearest, and all of them.

    Args:
        word: the text in the file.
        known: what is allowed.
        lead: introduces the list of all.
    """
    candidates = list(known)
    # The search takes quadratic time, and no known word is that long.
    close = get_close_matches(word[:QUOTE_CHARACTERS], candidates, n=1, cutoff=0.6)
    listed = f"{lead} {shortened(', '.join(candidates) or 'none', LIST_CHARACTERS)}"
    return f"did you mean {close[0]!r}? {listed}" if close else listed
