"""The ledger of injected faults: a promise to heal that survives the death of whoever made it."""

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
from testbed.faults.fault_registry import ACTIONS, FORMER_NAMES
from testbed.faults.options import OnNetworks


@dataclass(frozen=True, slots=True)
class Entry:
    """A fault that is, or may be, in force.

    Attributes:
        key: name of its file.
        fault: the fault's name.
        node: the machine it was injected into.
        target: how the machine was asked for.
        options: what the fault was told, as text.
        wall: when it was written down, Unix seconds.
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
    """A folder with one file a fault.

    Args:
        folder: where the files lie; made when the first fault is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, fault: str, node: str, target: str, options: Mapping[str, str]) -> Entry:
        """Write a fault down, before it is injected; when this returns, it is on the disk."""
        wall = time.time()
        key = f"{wall:.6f}-{uuid.uuid4().hex[:6]}"
        entry = Entry(key, fault, node, target, dict(options), wall, os.getpid())
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f"{key}.draft"
        with draft.open("w") as file:
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / f"{key}.json")
        _sync(self._folder)
        return entry

    def strike(self, entry: Entry) -> None:
        """Strike a fault out, after it was healed."""
        (self._folder / f"{entry.key}.json").unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """All faults in force, oldest first.

        Raises:
            TestbedError: a file is damaged.
        """
        return [_read(path) for path in self._paths()]

    def readable(self) -> list[Entry]:
        """All faults in force whose records can be read, oldest first: a damaged record must not keep the others."""
        entries = []
        for path in self._paths():
            with suppress(TestbedError):
                entries.append(_read(path))
        return entries

    def set_damaged_aside(self) -> list[Path]:
        """Rename the records that cannot be read.

        Returns:
            Their new names, which ``entries`` does not look at.
        """
        aside = []
        for path in self._paths():
            try:
                _read(path)
            except TestbedError:
                aside.append(path.rename(path.with_suffix(".damaged")))
        return aside

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.json"))


def _read(path: Path) -> Entry:
    try:
        data = json.loads(path.read_text())
        if "networks" in data:  # written before faults had options of their own
            networks = ",".join(data.pop("networks"))
            of_networks = issubclass(ACTIONS[data["fault"]].Options, OnNetworks)
            data |= {"target": data["node"], "options": {"network": networks} if of_networks else {}}
        return Entry(**(data | {"fault": FORMER_NAMES.get(data["fault"], data["fault"])}))
    except (ValueError, KeyError, TypeError):
        raise TestbedError(
            "not a fault's record", where=str(path), fix="`testbed heal` sets it aside, and finds what it broke"
        ) from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
