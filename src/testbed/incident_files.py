"""Which files are incidents: YAML files that are named, or lie in a folder that is named.

It imports nothing of testbed, because the pytest plugin asks at the start of every run of pytest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".yaml", ".yml")


def incident_files(path: Path) -> Iterator[Path]:
    """The incident files that a path means, in the order of their names.

    Args:
        path: an incident file, or a folder with incident files in it and in its subfolders. Hidden subfolders are left
            out.
    """
    if path.is_file() and path.suffix in SUFFIXES:
        yield path
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if name.endswith(SUFFIXES))
