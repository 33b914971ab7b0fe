"""Tokens of a configuration file, and the one way a strict parser refuses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class Refused(Exception):
    """The system's own parser would refuse the file."""


@dataclass(frozen=True)
class Token:
    """A token and where it stands.

    Args:
        text: itself, without quotes.
        line: number of its line, from 1.
        quoted: whether it stood in quotes: then it is a string, and no keyword.
    """

    text: str
    line: int
    quoted: bool = False


class Tokens:
    """Tokens that are taken one after the other.

    Args:
        tokens: all of them.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = list(tokens)
        self._at = 0

    def next_is(self, *texts: str) -> bool:
        """Whether an unquoted token of these comes next."""
        return not self.done and not self._tokens[self._at].quoted and self._tokens[self._at].text in texts

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._tokens)

    def take(self, what: str = "a word") -> Token:
        """The next token."""
        if self.done:
            raise Refused(f"ends where {what} is due")
        self._at += 1
        return self._tokens[self._at - 1]

    def accept(self, *texts: str) -> str | None:
        """The next token if it is one of these, which is then taken."""
        return self.take().text if self.next_is(*texts) else None

    def expect(self, *texts: str) -> str:
        """The next token, which must be one of these."""
        if not self.next_is(*texts):
            found = "the end" if self.done else repr(self._tokens[self._at].text)
            raise Refused(f"{found} where {' or '.join(texts)} is due")
        return self.take().text

    def end(self) -> None:
        """Nothing may be left."""
        if not self.done:
            raise Refused(f"{self.take().text!r} has no place here")

    def number(self, what: str, least: int, most: int) -> int:
        """The next token, a number between two."""
        return in_range(self.take(what).text, what, least, most)

    def push(self, tokens: Sequence[Token]) -> None:
        """Put tokens before those that are left."""
        self._tokens[self._at : self._at] = list(tokens)


def in_range(text: str, what: str, least: int, most: int) -> int:
    """A number between two, as strtonum(3) takes it."""
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise Refused(f"{what} {text!r} is not a number from {least} to {most}")
    return int(text)
