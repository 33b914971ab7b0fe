"""The ledger of injected faults, which survives the process that injected them."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from testbed.errors import TestbedError


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A fault that is, or may be, in force.

    Attributes:
        key: name of its file.
        fault: the fault's name.
        node: the node that it was injected into.
        target: the target as the user wrote it.
        options: the fault's options, as text.
        wall: time of the record, Unix seconds.
        pid: the process that injected it.
    """

    key: str
    fault: str
    node: str
    target: str
    options: Mapping[str, str]
    wall: float
    pid: int


class Ledger:
    """A folder with one file for each fault in force.

    Args:
        folder: made when the first fault is recorded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, fault: str, node: str, target: str, options: Mapping[str, str]) -> LedgerEntry:
        """Record a fault before it is injected; when this returns, the record is on the disk."""
        wall = time.time()
        key = f"{wall:.6f}-{uuid.uuid4().hex[:6]}"
        entry = LedgerEntry(key, fault, node, target, dict(options), wall, os.getpid())
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f"{key}.draft"
        with draft.open("w") as file:
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / f"{key}.json")
        _fsync_folder(self._folder)
        return entry

    def remove(self, entry: LedgerEntry) -> None:
        """Remove the record of a fault that was healed."""
        (self._folder / f"{entry.key}.json").unlink(missing_ok=True)

    def entries(self) -> list[LedgerEntry]:
        """Return all faults in force, oldest first.

        Raises:
            TestbedError: a file is damaged.
        """
        return [_read(path) for path in self._paths()]

    def readable_entries(self) -> list[LedgerEntry]:
        """Return all faults in force, oldest first, without damaged records."""
        entries = []
        for path in self._paths():
            with suppress(TestbedError):
                entries.append(_read(path))
        return entries

    def set_aside_damaged(self) -> list[Path]:
        """Rename damaged records so that ``entries`` ignores them, and return their new names."""
        aside = []
        for path in self._paths():
            try:
                _read(path)
            except TestbedError:
                aside.append(path.rename(path.with_suffix(".damaged")))
        return aside

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.json"))


def _read(path: Path) -> LedgerEntry:
    # Without a fault in force, no command needs the faults' own modules.
    from testbed.faults.fault_options import OnNetworks  # noqa: PLC0415
    from testbed.faults.fault_registry import ACTIONS, FORMER_NAMES  # noqa: PLC0415

    try:
        data = json.loads(path.read_text())
        if "networks" in data:  # written before faults had options of their own
            networks = ",".join(data.pop("networks"))
            of_networks = issubclass(ACTIONS[data["fault"]].Options, OnNetworks)
            data |= {"target": data["node"], "options": {"network": networks} if of_networks else {}}
        if not isinstance(data["options"], dict) or not all(isinstance(data[key], str) for key in ("key", "node")):
            raise TypeError  # noqa: TRY301 - as a value that cannot be read
        return LedgerEntry(**(data | {"fault": FORMER_NAMES.get(data["fault"], data["fault"])}))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, IsADirectoryError):
        raise TestbedError(
            "not a fault's record", where=str(path), fix="`testbed heal` sets it aside, and finds what it broke"
        ) from None


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
