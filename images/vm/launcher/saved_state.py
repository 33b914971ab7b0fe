"""The state of a booted guest: saved once, and restored by first starts instead of a boot.

A state is the memory and the devices of a guest at one point of its boot: it has asked for the time, and has neither
written to a disk nor read anything of its node (images/guest, ``boot``). So the disks of that moment are those of the
image, and a state fits every node whose disks are as in the image, on its first start alone. A node that has been
running before always boots.

The key names everything that the memory depends on: the image's files, QEMU and its command line. A state whose key,
size or checksum differs is not used. Under KVM nothing is saved or restored: the memory would depend on the host's
processor, too.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from launcher import disks, machine
from launcher.machine import Machine, Parts
from launcher.monitor import Monitor
from launcher.settings import LauncherError

FORMAT = 1
RAM = "ram"
MANIFEST = "manifest.json"
# Older ones are deleted, the least recently used first.
KEPT = 3


@dataclass(frozen=True)
class Manifest:
    """What is recorded beside a state.

    Args:
        format: of the folder.
        key: what the state depends on.
        size: of the file, bytes.
        sha256: of the file.
    """

    format: int
    key: str
    size: int
    sha256: str


class UnusableError(LauncherError):
    """There is a state, and it must not be used.

    Args:
        reason: why, in one word for the event.
        what: the message.
    """

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what)
        self.reason = reason


def key_of(parts: Parts) -> str:
    """Return the digest of everything that the memory of a booted guest depends on.

    Args:
        parts: of the machine; what differs between nodes of one image is left out.
    """
    same = replace(
        parts, settings=replace(parts.settings, node="guest"), nics=[replace(nic, mac="") for nic in parts.nics]
    )
    inputs = [
        FORMAT,
        disks.image_identity(parts.settings),
        machine.command_line(same, 0, 0),
        parts.configuration.stat().st_size,
    ]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:32]


class SavedState:
    """The state for one machine, which may be there or not.

    Args:
        folder: of all states.
        key: ``key_of`` the machine.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._all = folder
        self._folder = folder / key
        self.key = key

    def exists(self) -> bool:
        """Return whether there is a state, which may be damaged."""
        return self._folder.exists()

    def check(self) -> None:
        """Check that the state is the one that was saved.

        Raises:
            UnusableError: it is not.
        """
        try:
            manifest = Manifest(**json.loads((self._folder / MANIFEST).read_text()))
            size = (self._folder / RAM).stat().st_size
        except (OSError, ValueError, TypeError):
            raise UnusableError("incomplete", f"{self._folder} lacks a readable {RAM} or {MANIFEST}") from None
        if (manifest.format, manifest.key) != (FORMAT, self.key):
            raise UnusableError("foreign", f"{self._folder / MANIFEST} belongs to another state")
        if manifest.size != size:
            raise UnusableError("truncated", f"{self._folder / RAM} has {size} bytes, not {manifest.size}")
        if _sha256(self._folder / RAM) != manifest.sha256:
            raise UnusableError("damaged", f"{self._folder / RAM} has another checksum than when it was saved")

    def restore(self, monitor: Monitor) -> None:
        """Load the state into a machine that waits for one, and let it run.

        Raises:
            LauncherError: QEMU refuses the state.
        """
        monitor.report_migrations()
        # Neighbours would hear the MAC of the node that the state was saved on.
        monitor.ask("migrate-set-parameters", announce_rounds=0)
        monitor.migrated("migrate-incoming", uri=f"file:{self._folder / RAM}")
        monitor.resume()
        os.utime(self._folder)

    def save(self, monitor: Monitor) -> bool:
        """Save the state of the machine, which stands still meanwhile.

        Returns:
            Whether it was saved; another node may be saving the same, or may have done so.

        Raises:
            LauncherError: QEMU cannot, or the guest has written to a disk already.
        """
        with _only_one(self._all) as alone:
            if not alone or self.exists():
                return False
            unfinished = self._all / f"{self.key}.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            try:
                _write(monitor, unfinished / RAM)
                manifest = Manifest(FORMAT, self.key, (unfinished / RAM).stat().st_size, _sha256(unfinished / RAM))
                (unfinished / MANIFEST).write_text(json.dumps(asdict(manifest)))
                unfinished.rename(self._folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
            self._prune()
        return True

    def discard(self) -> None:
        """Delete the state."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prune(self) -> None:
        states = sorted((path.stat().st_mtime, path) for path in self._all.iterdir() if (path / MANIFEST).exists())
        for _, path in states[:-KEPT]:
            shutil.rmtree(path, ignore_errors=True)


def of(parts: Parts, *, new: bool) -> SavedState | None:
    """Return the state for a machine, None when it may not have one.

    Args:
        parts: of the machine.
        new: whether its disks are as in the image.
    """
    settings = parts.settings
    if not new or settings.accel != "tcg" or not disks.image_identity(settings):
        return None
    if settings.states is None or not settings.states.is_dir():
        return None
    return SavedState(settings.states, key_of(parts))


def switch_on(parts: Parts, state: SavedState | None, print_line: Callable[[str], None]) -> tuple[Machine, bool]:
    """Switch the machine on, by the state if there is one that can be used.

    Args:
        parts: of the machine.
        state: its state, or None.
        print_line: called with each line that the user should see.

    Returns:
        The machine, and whether it continues from the state.
    """
    if state is None or not state.exists():
        return machine.start(parts), False
    begin = time.monotonic()
    running = machine.start(parts, incoming=True)  # first, so that it starts while the file is checked
    try:
        state.check()
        state.restore(running.monitor)
        running.send_time()
    except (LauncherError, OSError) as error:
        running.cut_power()
        state.discard()
        print_line(f"vm: the saved state is not used, the guest boots: {error}")
        print_line(f"event=vm-state-refused reason={error.reason if isinstance(error, UnusableError) else 'qemu'}")
        return machine.start(parts), False
    print_line(f"event=vm-restored seconds={time.monotonic() - begin:.3f} key={state.key}")
    return running, True


def save(running: Machine, state: SavedState, print_line: Callable[[str], None]) -> None:
    """Save the state of a guest that waits for the time; a guest that cannot be saved goes on.

    Args:
        running: the machine.
        state: where to save it.
        print_line: called with each line that the user should see.
    """
    begin = time.monotonic()
    try:
        if state.save(running.monitor):
            print_line(f"event=vm-state-saved seconds={time.monotonic() - begin:.3f} key={state.key}")
    except (LauncherError, OSError) as error:
        print_line(f"vm: the state of the booted guest is not saved: {error}")


def _write(monitor: Monitor, target: Path) -> None:
    monitor.ask("stop")
    try:
        # The disks of the image belong to the state, so what was written to one would be missing later.
        if written := [each["device"] for each in monitor.ask("query-blockstats") if each["stats"]["wr_operations"]]:
            raise LauncherError(f"the guest has written to {' and '.join(written)}")
        monitor.report_migrations()
        monitor.migrated("migrate", uri=f"file:{target}")
    finally:
        monitor.resume()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _only_one(folder: Path) -> Iterator[bool]:
    """Yield whether no other node is saving; the kernel ends the lock of a process that dies."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
