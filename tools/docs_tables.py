"""Markdown made from Python: tables, docstrings, values."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_ARGUMENT = re.compile(r"^([a-z_]+(?:, [a-z_]+)*): ", re.IGNORECASE)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table.

    Args:
        heads: of the columns.
        rows: their cells, in Markdown.
    """
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def code(text: object) -> str:
    """Return a text as a code span; empty stays empty."""
    return f"`{text}`" if str(text) else ""


def title(heading: str, *paragraphs: str) -> str:
    """Return the beginning of a generated page."""
    return "\n\n".join([f"# {heading}", *paragraphs]) + "\n\n"


def first_paragraph(documented: object) -> str:
    """Return the first paragraph of a docstring, in one line.

    Raises:
        ValueError: there is none.
    """
    text = inspect.getdoc(documented)
    if not text:
        raise ValueError(f"{documented!r} has no docstring, and the reference is made of it")
    return as_markdown(text.split("\n\n")[0])


def as_markdown(text: str) -> str:
    """Return a docstring's text in one line, with Markdown's code spans."""
    return " ".join(text.replace("``", "`").split())


def parse_arguments(documented: object, section: str = "Args") -> dict[str, str]:
    """Return the arguments or attributes that a docstring in Google's style explains.

    Args:
        documented: the class or function.
        section: the heading: ``Args`` or ``Attributes``.
    """
    lines = (inspect.getdoc(documented) or "").partition(f"\n{section}:\n")[2].splitlines()
    found: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if line and not line.startswith("    "):
            break
        text = line[4:]
        if match := _ARGUMENT.match(text):
            names = match[1].split(", ")
            found |= dict.fromkeys(names, text[match.end() :])
        else:
            found |= {name: f"{found[name]} {text}" for name in names}
    return {name: as_markdown(text) for name, text in found.items()}
