"""Files kept by their content: complete ones under their SHA-256, those still coming in a folder of their own."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from testbed.errors import TestbedError

_MIB = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


class FileCache:
    """A cache of verified files.

    A file gets into ``sha256`` by a rename, when it is complete. A file that was cut off stays in ``partial``.

    Args:
        folder: made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._complete = folder / "sha256"
        self._partial = folder / "partial"
        self._names = folder / "names"
        with writing(folder):
            for made in (self._complete, self._partial, self._names):
                made.mkdir(parents=True, exist_ok=True)

    def find(self, digest: str) -> Path | None:
        """Return the file with this SHA-256, if it is here; read again each time, so a spoilt one is found out."""
        path = self._complete / digest
        if not path.is_file():
            return None
        if digest_of(path) == digest:
            return path
        path.unlink()
        return None

    def incoming(self, name: str) -> Path:
        """Return where a file may be written that is still to be verified.

        Args:
            name: its path at the source; an earlier part of it may lie there, to go on from.
        """
        return self._partial / quote(name, safe="")

    def keep(self, incoming: Path, digest: str) -> Path:
        """Take in a file that has been verified.

        Args:
            incoming: the file; it goes.
            digest: its SHA-256.
        """
        target = self._complete / digest
        with writing(self.folder):
            with incoming.open("rb") as file:
                os.fsync(file.fileno())
            incoming.chmod(0o644)
            incoming.replace(target)
        drop(incoming)
        return target

    def remember(self, name: str, digest: str) -> None:
        """Note which content a name had, so that it need not be fetched again."""
        note = self._names / quote(name, safe="")
        fresh = note.with_name(note.name + "~")
        with writing(self.folder):
            fresh.write_text(digest)
            fresh.replace(note)

    def recall(self, name: str) -> Path | None:
        """Return the file that a name stood for, if it is here."""
        note = self._names / quote(name, safe="")
        return self.find(note.read_text().strip()) if note.is_file() else None


def drop(incoming: Path) -> None:
    """Remove a file that did not verify, and what is known about its fetching."""
    incoming.unlink(missing_ok=True)
    notes_of(incoming).unlink(missing_ok=True)


def notes_of(incoming: Path) -> Path:
    """Return where a download notes what its part is a part of."""
    return incoming.with_name(f"{incoming.name}.json")


def digest_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raise the error of a full or forbidden disk as a TestbedError.

    Args:
        folder: what is written into.

    Raises:
        TestbedError: writing failed.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise TestbedError("no space left on the disk", where=str(folder), fix="free some and run again") from error
        raise TestbedError(f"cannot be written: {error.strerror}", where=str(folder)) from error


def need_room(folder: Path, size: int) -> None:
    """Refuse to begin what cannot fit.

    Args:
        folder: where it is to be written.
        size: bytes still to come.

    Raises:
        TestbedError: the disk has less.
    """
    free = shutil.disk_usage(folder).free
    if size > free:
        raise TestbedError(
            f"no space left on the disk: {free // _MIB} MiB free, {size // _MIB + 1} MiB to come",
            where=str(folder),
            fix="free some and run again",
        )
