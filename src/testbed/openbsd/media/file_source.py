"""Where a release comes from: a mirror, a folder on this host, an install image."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

from testbed.errors import TestbedError, UsageError
from testbed.host.command import host_environment, run
from testbed.openbsd.media.download import PATIENCE, MissingFileError, Report, fetch
from testbed.openbsd.media.file_cache import writing
from testbed.output_line import last_line

BSDTAR = "bsdtar"
_HREF = re.compile(r"""<a\s[^>]*href=["']?([^"'>]+)""", re.IGNORECASE)
_LACKED = "SHA256.sig, BUILDINFO and the packages"
_ISO_MAGIC = (0x8001, b"CD001")  # ISO 9660: the first volume descriptor's standard identifier


class FileSource(Protocol):
    """Something that has OpenBSD's files, by their paths below a mirror's ``pub/OpenBSD``."""

    @property
    def name(self) -> str:
        """What a user calls it."""

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of a folder's files; none when there is no such folder. They are not signed."""

    def take(self, path: str, target: Path, report: Report) -> None:
        """Put a file at ``target``.

        Raises:
            Missing: it has none such.
            TestbedError: it cannot be had.
        """

    def at_hand(self, path: str) -> Path | None:
        """Return where a file lies on this host in a mirror's layout; None when it would have to be fetched."""


class Mirror:
    """A mirror.

    Args:
        url: of its ``pub/OpenBSD``, the folder that holds one folder a release.
        patience: seconds to go on trying when it does not answer.
    """

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        self.name = url.rstrip("/")
        self._patience = patience

    def names(self, folder: str) -> tuple[str, ...]:
        """Read the folder's ``index.txt``, as the installer does; else the page that the server makes of it."""
        try:
            return names_in_index(self._page(f"{folder}/index.txt"))
        except MissingFileError:
            pass
        try:
            return names_in_page(self._page(f"{folder}/"))
        except MissingFileError:
            return ()

    def take(self, path: str, target: Path, report: Report) -> None:
        """Fetch the file."""
        fetch(self._url(path), target, report, patience=self._patience)

    def at_hand(self, path: str) -> Path | None:  # noqa: ARG002 (the protocol's)
        """Nothing is."""
        return None

    def _url(self, path: str) -> str:
        return f"{self.name}/{quote(path)}"

    def _page(self, path: str) -> str:
        with tempfile.TemporaryDirectory() as scratch:
            page = Path(scratch) / "page"
            fetch(self._url(path), page, lambda _: None, page=True, patience=self._patience)
            return page.read_text(errors="replace")


class Directory:
    """A folder: laid out as a mirror, or one release's folder of it, or just the files.

    Args:
        folder: where.

    Raises:
        UsageError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError("no such folder", where=str(folder), fix="name the folder that holds OpenBSD's files")
        self.name = str(folder)
        self._folder = folder

    def names(self, folder: str) -> tuple[str, ...]:
        """List the folder, or the one folder that has all."""
        for place in self._places(folder):
            if place.is_dir():
                return tuple(sorted(entry.name for entry in place.iterdir() if entry.is_file()))
        return tuple(sorted(entry.name for entry in self._folder.iterdir() if entry.is_file()))

    def take(self, path: str, target: Path, report: Report) -> None:  # noqa: ARG002 (the protocol's)
        """Copy the file, so that what is verified is what is used."""
        flat = self._folder / path.rpartition("/")[2]
        found = next((place for place in (*self._places(path), flat) if place.is_file()), None)
        if found is None:
            raise MissingFileError(f"no {path}", where=self.name, fix=f"put it there, as {path} or as {flat.name}")
        try:
            original = found.open("rb")
        except OSError as error:
            raise TestbedError(f"cannot be read: {error.strerror}", where=str(found)) from error
        with original, writing(target.parent), target.open("wb") as copy:
            shutil.copyfileobj(original, copy, 1 << 20)

    def at_hand(self, path: str) -> Path | None:
        """The file, where a mirror would have it: among loose files it could be another release's."""
        place = self._folder / path
        return place if place.is_file() else None

    def _places(self, path: str) -> tuple[Path, ...]:
        return self._folder / path, self._folder / path.partition("/")[2]


class InstallImage:
    """An ``installXX.iso``. It has the sets, but neither their signature nor packages.

    ``distrib/amd64/iso/Makefile`` (1.44): sets, kernels and ``SHA256``, no ``SHA256.sig`` and no ``BUILDINFO``.

    Args:
        image: the file.
        rest: what the image lacks; by default the folder that the image lies in.

    Raises:
        UsageError: it is not such an image.
    """

    def __init__(self, image: Path, rest: FileSource | None = None) -> None:
        self.name = str(image)
        self._image = image
        self._names: tuple[str, ...] | None = None
        _refuse_others(image)
        self._rest: FileSource = rest or Directory(image.parent)

    def names(self, folder: str) -> tuple[str, ...]:
        """List the image's folder, and what there is beside it."""
        inside = {name.rpartition("/")[2] for name in self._members() if name.rpartition("/")[0] == folder}
        return tuple(sorted(inside | set(self._rest.names(folder))))

    def take(self, path: str, target: Path, report: Report) -> None:
        """Unpack the file from the image; take what it lacks from beside it."""
        if path not in self._members():
            self._take_from_rest(path, target, report)
            return
        with writing(target.parent), target.open("wb") as file:
            done = subprocess.run(
                [BSDTAR, "-x", "-O", "-f", self._image, path],
                env=host_environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.PIPE,
                check=False,
            )
        if done.returncode != 0:
            target.unlink(missing_ok=True)
            reason = last_line(done.stderr)
            raise TestbedError(f"{path} cannot be read: {reason}", where=self.name, fix="download the image again")

    def at_hand(self, path: str) -> Path | None:
        """What lies beside the image."""
        return self._rest.at_hand(path)

    def _take_from_rest(self, path: str, target: Path, report: Report) -> None:
        folder, _, name = path.rpartition("/")
        try:
            self._rest.take(path, target, report)
        except MissingFileError as missing:
            held = [member for member in self._members() if re.fullmatch(r"[0-9]+[.][0-9]/[a-z0-9]+", member)]
            if "packages" not in folder and folder not in held:
                raise TestbedError(
                    f"holds {', '.join(held) or 'no release'}, not {folder}", where=self.name
                ) from missing
            if not isinstance(self._rest, Directory):
                raise
            fix = f"an image lacks {_LACKED}: put the mirror's {folder}/{name} into {self._rest.name}"
            raise MissingFileError(f"no {name} in it or beside it", where=self.name, fix=fix) from missing

    def _members(self) -> tuple[str, ...]:
        if self._names is None:
            listed = run(
                [BSDTAR, "-t", "-f", self._image], f"listing {self._image.name}", fix="download the image again"
            )
            self._names = tuple(line.removeprefix("./").rstrip("/") for line in listed.splitlines())
        return self._names


def names_in_index(text: str) -> tuple[str, ...]:
    """Return the names in an ``index.txt``: the last word of each line of ``ls -l``."""
    return tuple(line.split()[-1] for line in text.splitlines() if line.split() and not line.startswith(("d", "total")))


def names_in_page(text: str) -> tuple[str, ...]:
    """Return the files that a server's page of a folder points to, none of them elsewhere."""
    names = (unquote(link) for link in _HREF.findall(text))
    return tuple(dict.fromkeys(n.removeprefix("./") for n in names if not re.search(r"[/?#]", n.removeprefix("./"))))


def _refuse_others(image: Path) -> None:
    try:
        with image.open("rb") as file:
            file.seek(_ISO_MAGIC[0])
            magic = file.read(len(_ISO_MAGIC[1]))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(image)) from error
    if magic == _ISO_MAGIC[1]:
        return
    if image.suffix in (".img", ".fs"):
        # Its sets lie in an FFS, which nothing that Debian keeps can read without mounting it.
        raise UsageError("an .img cannot be read here", where=str(image), fix="use the .iso: it has the same sets")
    raise UsageError("is not an install image", where=str(image), fix="name an installXX.iso, or a folder")
