"""Modules that name what moves an address outside its package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
# What only the package may write, by its folder.
NAMES: Mapping[str, re.Pattern[str]] = {
    "addresses": re.compile(r"ucarp|keepalived|vrrp|\bcarp", re.IGNORECASE),
}
# Words of published formats and commands, which stay what they are whatever mechanism a cluster has.
PUBLISHED: Mapping[str, str] = {
    r"\bCARP_(VHID|ADVBASE|ADVSKEW|PASSWORD)\b": "variables of the Compose files and of secrets.env",
    r"\bcarp: (bool|whether)|\bcarp=|\.carp\b": "keys of `testbed status --json`",
    r'\bAspect\.CARP\b|\bCARP = "carp"': "the aspect of journals",
    r'"carp-(master|backup)"': "events of nodes' logs (docs/contract.md)",
    r'"carp master"': "the phase of a failover in journals' reports",
    r"\bcarp\.log\b": "the log file of nodes (docs/contract.md)",
    r"process-hang lb:\\S\+ ucarp": "the service of the faults of processes, whatever mechanism moves the address",
}
# Files that speak of something else.
ALLOWED: Mapping[str, str] = {
    "bench/paper/failovers.py": "the paper's claims are about the mechanism of 2006",
}
_PUBLISHED = re.compile("|".join(PUBLISHED))


def counted(repository: Path = REPOSITORY) -> dict[str, int]:
    """How often each module names a mechanism outside its package.

    Args:
        repository: of the modules.
    """
    found = {}
    root = repository / "src" / "testbed"
    for path in sorted(root.rglob("*.py")):
        module = path.relative_to(root).as_posix()
        if module in ALLOWED:
            continue
        text = _PUBLISHED.sub("", path.read_text())
        count = sum(
            len(names.findall(text)) for package, names in NAMES.items() if not module.startswith(f"{package}/")
        )
        if count:
            found[module] = count
    return found
