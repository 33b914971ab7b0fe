"""Following a journal while it is written."""

from __future__ import annotations

from pathlib import Path

from testbed.journal import lines
from testbed.journal.events import Event, from_fields


class Tail:
    """Reads what was appended since the last time.

    Args:
        path: the journal; it need not be there yet.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._place = 0
        self._half = b""

    def new(self) -> list[Event]:
        """The events appended since the last call, in the file's order.

        Half a line at the end waits for its other half. Lines that are not events are skipped, because only the
        reader reports damage.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                data = file.read()
        except FileNotFoundError:
            return []
        self._place += len(data)
        *whole, self._half = (self._half + data).split(b"\n")
        return [event for raw in whole if (event := _event(raw)) is not None]


def _event(raw: bytes) -> Event | None:
    fields = lines.decode(raw) or lines.whole_part(raw)
    if not fields or lines.is_header(fields):
        return None
    try:
        return from_fields(fields)
    except (KeyError, TypeError, ValueError):
        return None
