"""Parts of a build context that are made rather than kept in the repository: Python wheels, the users' mail."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import UsageError
from testbed.host.command import run
from testbed.images import mailboxes as mail

# The Python of a Debian release: wheels are fetched for it, whatever Python runs testbed.
_PYTHON = {"bullseye": "3.9", "bookworm": "3.11", "trixie": "3.13"}


@dataclass(frozen=True)
class BuildInput:
    """A file made in ``build/`` of an image's folder.

    Args:
        what: what it is, for progress.
        folder: the image's folder.
        sources: files whose content it depends on.
        values: other things it depends on.
        write: makes it in the folder given.
    """

    what: str
    folder: Path
    sources: tuple[Path, ...]
    values: tuple[str, ...]
    write: Callable[[Path], None]

    @property
    def key(self) -> str:
        """Changes when the build input does."""
        digest = hashlib.sha256("\0".join(self.values).encode())
        for source in self.sources:
            digest.update(hashlib.sha256(source.read_bytes()).digest())
        return digest.hexdigest()

    def ensure(self, report: Callable[[str], None]) -> None:
        """Make the build input unless it is there and current.

        Args:
            report: called with what is made.
        """
        build = self.folder / "build"
        stamp = build / ".key"
        key = self.key
        if stamp.is_file() and stamp.read_text() == key:
            return
        report(self.what)
        fresh = self.folder / "build.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        self.write(fresh)
        (fresh / ".key").write_text(key)
        shutil.rmtree(build, ignore_errors=True)
        fresh.rename(build)


def wheels(folder: Path, requirements: Path, release: str) -> BuildInput:
    """Return the wheels of locked requirements, fetched by the host's pip with the host's settings.

    Builds themselves have no way to a package index: proxies and certificates of the host are unknown to them.

    Args:
        folder: the image's folder.
        requirements: hash-locked.
        release: the Debian release the image is built on.

    Raises:
        UsageError: the release's Python is unknown.
    """
    python = _PYTHON.get(release)
    if python is None:
        raise UsageError(f"the Python of Debian {release!r} is unknown", fix=f"use one of {', '.join(_PYTHON)}")

    def write(build: Path) -> None:
        shutil.copyfile(requirements, build / "requirements.txt")
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                *("--require-hashes", "--only-binary=:all:", "--no-deps", "--python-version", python),
                *("-r", requirements, "-d", build / "wheels"),
            ],
            f"fetching the Python packages of {requirements.name}",
            fix="see pip's own settings (pip config list)",
        )

    return BuildInput("Python packages", folder, (requirements,), (python,), write)


def mailboxes(folder: Path, users: int, seed: int) -> BuildInput:
    """Return the users' mail, the same for the same seed.

    Args:
        folder: the image's folder.
        users: how many.
        seed: of the generator.
    """

    def write(build: Path) -> None:
        mail.write_mailboxes(build / "mailboxes.tar", users, seed)

    return BuildInput("mailboxes", folder, (Path(mail.__file__),), (str(users), str(seed)), write)


def installed_disk(folder: Path, disk: Path) -> BuildInput:
    """Return a disk that an operating system was installed on.

    Args:
        folder: the image's folder.
        disk: its file; its name contains the hash of its inputs, so testbed does not read it to find a change.
    """

    def write(build: Path) -> None:
        target = build / f"disk{disk.suffix}"
        try:
            target.hardlink_to(disk)
        except OSError:  # another filesystem
            shutil.copyfile(disk, target)

    return BuildInput("the installed disk", folder, (), (disk.name,), write)
