"""The one line of a program's output that a message quotes."""

from __future__ import annotations

import re

NO_OUTPUT = "it wrote nothing"
_ERROR = re.compile(r"(\d+: )?(e:|error|failure:)", re.IGNORECASE)


def last_line(*outputs: str | bytes, otherwise: str = NO_OUTPUT) -> str:
    """Return the last line with text of the first of these outputs that has one, an error before any other line.

    Args:
        outputs: what a program wrote, such as its errors and its output.
        otherwise: returned when no output has a line with text.
    """
    lines = _lines(outputs)
    # apt, psql and other programs write more lines after the line that names the error.
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or [otherwise])[-1]


def first_line(*outputs: str | bytes, otherwise: str = NO_OUTPUT) -> str:
    """Return the first line with text, of programs such as tc and nft that name the error first."""
    return (_lines(outputs) or [otherwise])[0]


def one_line(text: str) -> str:
    """Return a message of several lines as one line."""
    return " ".join(text.split())


def _lines(outputs: tuple[str | bytes, ...]) -> list[str]:
    """Return the lines with text of the first output that has any."""
    for output in outputs:
        text = output.decode(errors="replace") if isinstance(output, bytes) else output
        if lines := [line.strip() for line in text.splitlines() if line.strip()]:
            return lines
    return []
