"""Reading a journal back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from testbed.errors import TestbedError
from testbed.journal.events import HEADER, VERSION, Event, from_fields

E = TypeVar("E", bound=Event)


class JournalError(TestbedError):
    """The file is not a journal, or one that this version cannot read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and when it was recorded.

    Args:
        wall: Unix seconds.
        mono: CLOCK_MONOTONIC seconds.
        event: what was recorded.
    """

    wall: float
    mono: float
    event: Event


@dataclass(frozen=True, slots=True)
class Opening:
    """The header line that each writer begins with.

    Args:
        source: who wrote.
        pid: its process, in its own container.
        attrs: what it said of itself.
        wall, mono: when it began.
    """

    source: str
    pid: int
    attrs: dict[str, str]
    wall: float
    mono: float


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as read.

    Args:
        openings: the headers, in the file's order.
        entries: the events, in the file's order.
        truncated: lines cut off because a writer died in the middle of them; they are left out.
    """

    openings: tuple[Opening, ...]
    entries: tuple[Entry, ...]
    truncated: int

    def of(self, kind: type[E]) -> list[E]:
        """All events of one kind, in the file's order."""
        return [entry.event for entry in self.entries if isinstance(entry.event, kind)]

    @property
    def wall_offset(self) -> float:
        """Seconds to add to a monotonic time to get Unix time (the median, since the wall clock may be set)."""
        stamps: list[Opening | Entry] = [*self.openings, *self.entries]
        return float(median(stamp.wall - stamp.mono for stamp in stamps))


def read(path: Path | str) -> Journal:
    """Read a journal file, even while it is being written.

    Raises:
        JournalError: not a journal, an unknown version or kind, or damage that a dying writer does not explain.
        OSError: the file cannot be read.
    """
    return parse(Path(path).read_text(encoding="utf-8", errors="replace").splitlines(), str(path))


def parse(lines: Iterable[str], where: str = "journal") -> Journal:
    """Read a journal's lines; see ``read``."""
    openings: list[Opening] = []
    entries: list[Entry] = []
    truncated = 0
    broken = 0
    for number, line in enumerate(lines, 1):
        fields = _decode(line)
        if fields is None:
            if broken:
                raise JournalError("not JSON", where=f"{where}:{broken}", mend="is this file a journal?")
            broken = number
            continue
        is_header = fields.get("kind") == HEADER
        if broken:
            # Only a writer that died leaves half a line, and the next writer begins with a header.
            if not is_header:
                raise JournalError("not JSON", where=f"{where}:{broken}", mend="is this file a journal?")
            truncated, broken = truncated + 1, 0
        if is_header:
            openings.append(_opening(fields, f"{where}:{number}"))
        elif not openings:
            raise JournalError("no header before the first event", where=f"{where}:{number}")
        else:
            entries.append(_entry(fields, f"{where}:{number}"))
    if not openings:
        raise JournalError("no header", where=where, mend="is this file a journal?")
    return Journal(tuple(openings), tuple(entries), truncated + bool(broken))


def _decode(line: str) -> dict[str, Any] | None:
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _opening(fields: dict[str, Any], where: str) -> Opening:
    if fields.get("version") != VERSION:
        raise JournalError(f"journal version {fields.get('version')}, this testbed reads {VERSION}", where=where)
    try:
        return Opening(fields["source"], fields["pid"], dict(fields["attrs"]), fields["wall"], fields["mono"])
    except KeyError as error:
        raise JournalError(f"header without {error}", where=where) from error


def _entry(fields: dict[str, Any], where: str) -> Entry:
    try:
        return Entry(float(fields["wall"]), float(fields["mono"]), from_fields(fields))
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(f"not an event: {error}", where=where) from error
