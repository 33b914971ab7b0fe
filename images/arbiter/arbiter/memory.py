"""What the arbiter remembers, on a disk: written before the answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

from arbiter.rules import Memory


def load(path: Path) -> Memory:
    """Read the memory; a new arbiter has decided nothing.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not what ``store`` wrote: to guess would be worse than not to serve.
    """
    if not path.exists():
        return Memory()
    data = json.loads(path.read_text())
    return Memory(str(data["alone"]), int(data["generation"]))


def store(path: Path, memory: Memory) -> None:
    """Write the memory; it is on the disk when this returns.

    Args:
        path: the file.
        memory: what to remember.

    Raises:
        OSError: it is not sure to be on the disk.
    """
    unfinished = path.with_suffix(".new")
    with unfinished.open("w") as file:
        json.dump({"alone": memory.alone, "generation": memory.generation}, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
