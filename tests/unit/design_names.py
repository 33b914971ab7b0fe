"""Modules that name a database design outside its package.

`python tests/unit/design_names.py` writes the list: how often each module still does. A count may only fall.
"""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
REMAINDER = Path(__file__).with_name("design_names_remainder.txt")
# What only the package of the design may write.
NAMES = {"drbd": re.compile(r"drbd", re.IGNORECASE)}
# Has one line for each design.
REGISTRY = "src/testbed/designs/design_registry.py"


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


def remainder() -> dict[str, int]:
    """How often each module may still do."""
    lines = (line for line in REMAINDER.read_text().splitlines() if not line.startswith("#"))
    return {path: int(count) for count, path in (line.split(maxsplit=1) for line in lines)}


def main() -> None:
    """Write the list."""
    head = "# Names of a design outside its package; written by `python tests/unit/design_names.py`. May only fall."
    lines = [f"{count} {path}" for path, count in counted().items()]
    REMAINDER.write_text("\n".join([head, *lines]) + "\n")


if __name__ == "__main__":
    main()
