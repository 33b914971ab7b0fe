"""Modules that name what moves an address, or what balances, outside its package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
# What only the package may write, by its folder.
NAMES: Mapping[str, re.Pattern[str]] = {
    "addresses": re.compile(r"ucarp|keepalived|vrrp|\bcarp", re.IGNORECASE),
    "balancers/apache": re.compile(
        r"apache|httpd|balancer-manager|mod_(proxy|rewrite)|\b(HcFl|Drn)\b|\bProxy(Pass|Set)|\bRewrite(Rule|Cond)",
        re.IGNORECASE,
    ),
}
# Words of published formats and commands, which stay what they are whatever mechanism or server a cluster has.
PUBLISHED: Mapping[str, str] = {
    r"\bCARP_(VHID|ADVBASE|ADVSKEW|PASSWORD)\b": "variables of the Compose files and of secrets.env",
    r"\b(carp|apache): (bool|whether)|\b(carp|apache)=|\.(carp|apache)\b": "keys of `testbed status --json`",
    r'\bAspect\.CARP\b|\bCARP = "carp"': "the aspect of journals",
    r'"carp-(master|backup)"': "events of nodes' logs (docs/contract.md)",
    r'"carp master"': "the phase of a failover in journals' reports",
    r"\bcarp\.log\b": "the log file of nodes (docs/contract.md)",
    r"process-hang lb:\\S\+ ucarp": "the service of the faults of processes, whatever mechanism moves the address",
    r'"apache"|process=apache\b|\|apache\)': "the service of the faults of processes, on app nodes too",
    r"\bapache-crash\b": "the alarm, on app nodes too",
    r"\bbalancer-apache-killed\b": "the incident",
    r"\bbin/balancer-manager\b": "the program of balancers' images (docs/contract.md)",
}
# Files that speak of something else, or that choose.
ALLOWED: Mapping[str, str] = {
    "balancers/balancer_registry.py": "it chooses the server",
    "machines/openbsd_system.py": "it chooses what OpenBSD has: its mechanism, and the names of programs",
    "bench/paper/failovers.py": "the paper's claims are about the mechanism of 2006",
    "bench/paper/tls.py": "a second Apache on an app node",
    "roles/app_state.py": "the Apache of app nodes",
    "roles/single_state.py": "the Apache of the single server",
    "cluster/node_summary.py": "the Apache of the single server",
    "cluster/health.py": "the Apache of the single server",
    "cli/application_folder.py": "the Apache of app nodes",
    "topology/keys.py": "the Apache of app nodes",
    "faults/process_faults.py": "the Apache of app nodes",
    "faults/service_processes.py": "the process of app nodes' Apache, which is the balancers' too",
    "recorder/log_patterns.py": "the Apache of app nodes",
}
_PUBLISHED = re.compile("|".join(PUBLISHED))


def counted(repository: Path = REPOSITORY) -> dict[str, int]:
    """How often each module names a mechanism or a server outside its package.

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
