"""Reading a journal back, line by line, up to its end or to where it is damaged."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from testbed.errors import UsageError
from testbed.journal import lines
from testbed.journal.events import ProbeSample, RequestSample, Settled, from_fields
from testbed.journal.journal import Journal, JournalBuilder

# What is longer is not a line of a journal, and must not fill the memory.
LONGEST = 1 << 22
# Too many to learn from each how far the two clocks are apart.
_MANY = (ProbeSample, RequestSample, Settled)


class JournalError(UsageError):
    """The file is not a journal, or one that this version cannot read."""


class DamageError(Exception):
    """What follows cannot be read."""


def read(path: Path | str) -> Journal:
    """Read a journal file, even while it is being written.

    A damaged file is read up to the damage, which ``Journal.damage`` describes. A line that was cut off because its
    writer died is left out, and ``Journal.damage`` names it too. The lines after it are read.

    Raises:
        JournalError: not a journal, or one of another version.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        return parse(iter(partial(file.readline, LONGEST), b""), str(path))


def parse(raw_lines: Iterable[bytes], where: str = "journal") -> Journal:
    """Read a journal's lines; see ``read``."""
    reader = _Reader(where)
    damage = ""
    for number, raw in enumerate(raw_lines, 1):
        try:
            reader.take(number, raw)
        except DamageError as error:
            damage = f"read up to line {number - 1}: {error}"
            break
    return reader.journal(damage)


class _Reader:
    """Takes up line after line."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._gathering = JournalBuilder()
        self._cut_off: list[int] = []
        self._pending = 0  # the last line, if it was cut off

    def take(self, number: int, raw: bytes) -> None:
        """Take one line up.

        Raises:
            DamageError: it is not a line of a journal.
            JournalError: the file is not a journal.
        """
        text = raw.rstrip(b"\r\n")
        if not text and self._gathering.openings:
            return
        fields = lines.decode(text)
        if fields is None:
            self._broken(number, text)
            fields = lines.whole_part(text)
            if fields is None:
                return
        self._pending = 0
        self._whole(number, fields)

    def journal(self, damage: str) -> Journal:
        """What was taken up."""
        if not self._gathering.openings and not self._cut_off:
            raise JournalError("the file is empty", where=self._where, fix="is this a journal?")
        if self._cut_off:
            cut_off = f"cut off in line {', '.join(map(str, self._cut_off[:5]))}"
            damage = f"{damage}; {cut_off}" if damage else f"{cut_off}: its writer died, or the disk was full"
        return self._gathering.journal(len(self._cut_off), damage)

    def _broken(self, number: int, text: bytes) -> None:
        """Accept one half line that is not JSON; a dying writer leaves no two in a row."""
        if not self._gathering.openings and not (
            text.startswith(lines.HEADER_BEGIN) or lines.HEADER_BEGIN.startswith(text)
        ):
            raise JournalError("not JSON", where=f"{self._where}:{number}", fix="is this a journal?")
        if self._pending or not lines.is_cut_off(text):
            raise DamageError(f"line {number} is not a line of a journal")
        self._pending = number
        self._cut_off.append(number)

    def _whole(self, number: int, fields: dict[str, Any]) -> None:
        if lines.is_header(fields):
            self._header(number, fields)
        elif not self._gathering.openings:
            raise JournalError("no header before the first event", where=f"{self._where}:{number}",
                               fix="is this a journal?")  # fmt: skip
        else:
            self._event(number, fields)

    def _header(self, number: int, fields: dict[str, Any]) -> None:
        wrong = lines.wrong_version(fields)
        if not wrong:
            try:
                self._gathering.open(lines.opening(fields))
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                wrong = f"not a header: {error!r}"
        if wrong and self._gathering.openings:
            raise DamageError(f"line {number}: {wrong}")
        if wrong:
            raise JournalError(wrong, where=f"{self._where}:{number}", fix="record the run again, or read it with the "
                               "testbed that wrote it")  # fmt: skip

    def _event(self, number: int, fields: dict[str, Any]) -> None:
        try:
            if self._gathering.add_probe(fields):
                return
            wall, mono = float(fields["wall"]), float(fields["mono"])
            event = from_fields(fields)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DamageError(f"line {number} is not an event: {error!r}") from error
        if not isinstance(event, _MANY):
            self._gathering.stamp(wall, mono)
        self._gathering.add(event)
