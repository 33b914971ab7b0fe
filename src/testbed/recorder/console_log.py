"""A guest's serial console, read from the file that QEMU keeps of it: a kernel that dies has no other voice."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


class ConsoleLog:
    """The lines of a console since recording began, over the guest's restarts.

    At a restart the launcher puts the old file aside and QEMU begins a new one; the old one stays open here until it
    has been read to its end.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        with suppress(OSError):
            self._file = path.open("rb")
            self._file.seek(0, os.SEEK_END)

    def new(self) -> list[str]:
        """The whole lines that were written since the last call."""
        lines = self._read()
        if self._moved():
            self._open()
            lines += self._read()
        return lines

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _read(self) -> list[str]:
        if self._file is None:
            return []
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        return [line.decode(errors="replace").rstrip("\r") for line in whole]

    def _moved(self) -> bool:
        """Whether another file stands where the open one stood."""
        try:
            there = self._path.stat().st_ino
        except OSError:
            return False
        return self._file is None or os.fstat(self._file.fileno()).st_ino != there

    def _open(self) -> None:
        self.close()
        self._rest = b""
        with suppress(OSError):
            self._file = self._path.open("rb")
