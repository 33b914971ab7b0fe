"""Modules that name a database design outside its package."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
# What only the package of the design may write.
NAMES = {
    "drbd": re.compile(r"drbd", re.IGNORECASE),
    "patroni": re.compile(r"patroni|etcd|vip-?manager", re.IGNORECASE),
    # Its own words are PostgreSQL's, which two designs share.
    "streaming": re.compile(
        r"pg_(promote|rewind|basebackup|stat_replication)|walreceiver|[\"']streaming[\"']|replicator"
    ),
}
# Names the default design; what designs with PostgreSQL's own replication have in common.
SHARED = {"src/testbed/designs/layout_registry.py", "src/testbed/designs/replicated_postgres.py"}


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
            if not module.startswith(f"src/testbed/designs/{design}/") and module not in SHARED
        )
        if count:
            found[module] = count
    return found
