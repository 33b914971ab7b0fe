"""Modules that name a database design outside its package."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
# What only the package of the design may write.
NAMES = {
    "drbd": re.compile(r"drbd", re.IGNORECASE),
    "streaming": re.compile(
        r"pg_(promote|rewind|basebackup|stat_replication)|walreceiver|[\"']streaming[\"']|replicator"
    ),
}
# Names the default design.
REGISTRY = "src/testbed/designs/layout_registry.py"


def counted(repository: Path = REPOSITORY) -> dict[str, int]:
    """How often each module names a design that is not its own.

    Args:
        repository: of the modules.
    """
    found = {}
    for path in sorted((repository / "src" / "testbed").rglob("*.py")):
        module = path.relative_to(repository).as_posix()
        count = sum(
            len(pattern.findall(path.read_text()))
            for design, pattern in NAMES.items()
            if not module.startswith(f"src/testbed/designs/{design}/") and module != REGISTRY
        )
        if count:
            found[module] = count
    return found
