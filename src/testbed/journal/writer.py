"""Writing a journal."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Self

from testbed.journal.events import HEADER, VERSION, Event, to_fields

# Made once: json.dumps would make one for each line.
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Writer:
    """Appends events to a journal file, each in one write of its own.

    O_APPEND makes the kernel put each write at the end, whole: threads, greenlets and even other processes
    may share the file without a lock, and what was recorded survives the death of the process.

    Args:
        path: the file, made if it is not there.
        source: who writes, for the header.
        attrs: what else the header shall say.

    Raises:
        OSError: the file cannot be opened or written.
    """

    def __init__(self, path: Path | str, source: str, **attrs: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not self._ends_a_line():
            os.write(self._fd, b"\n")
        self._append({"kind": HEADER, "version": VERSION, "source": source, "pid": os.getpid(), "attrs": attrs})

    def write(self, event: Event) -> None:
        """Append one event, stamped with both clocks.

        Raises:
            OSError: the disk is full, or the writer is closed.
        """
        self._append(to_fields(event))

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _append(self, fields: dict[str, Any]) -> None:
        fields["wall"], fields["mono"] = round(time.time(), 6), round(time.monotonic(), 6)
        line = _encode(fields).encode() + b"\n"
        if os.write(self._fd, line) != len(line):
            raise OSError("the journal took only part of a line: is the disk full?")

    def _ends_a_line(self) -> bool:
        size = os.fstat(self._fd).st_size
        return size == 0 or os.pread(self._fd, 1, size - 1) == b"\n"
