"""A serial console as lines of plain text, whatever bytes come and however they are cut."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

WIDTH = 400
"""Longest line; a longer one is cut into several."""

# Control sequences (ECMA-48) and the two-byte escapes of terminals; an incomplete one waits for the next bytes.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[^\[])")
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*)?$")
_LONGEST_ESCAPE = 32


class TerminalLines:
    """Cuts a console's bytes into lines.

    A carriage return ends a line as a newline does: each redraw of a progress bar is a line. A backspace
    takes one character back.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._line = ""

    @property
    def unfinished(self) -> str:
        """What stands behind the last line's end: a prompt, or a line that is being written."""
        return self._line.strip()

    def feed(self, data: bytes) -> Iterator[str]:
        """Take bytes and yield the lines they end, without their blanks; empty lines are left out.

        Args:
            data: the next bytes of the console, any number.
        """
        text = self._rest + self._decoder.decode(data)
        text = _ESCAPE.sub("", text)
        unfinished = _UNFINISHED.search(text)
        keep = unfinished is not None and len(unfinished[0]) < _LONGEST_ESCAPE
        self._rest = unfinished[0] if unfinished and keep else ""
        for character in text[: len(text) - len(self._rest)]:
            if character in "\r\n" or len(self._line) >= WIDTH:
                line, self._line = self._line.strip(), ""
                if line:
                    yield line
            if character == "\b":
                self._line = self._line[:-1]
            elif character.isprintable() or character == "\t":
                self._line += character
