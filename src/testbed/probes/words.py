"""Messages, as a journal's details have them."""

from __future__ import annotations


def one_line(text: str) -> str:
    """A message of several lines as one."""
    return " ".join(text.split())
