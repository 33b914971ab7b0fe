"""All probes of a cluster: the built-in ones, and those that its topology declares.

A declared probe becomes a class, as a built-in one is, so that help, checks and reports read both in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testbed.journal import Journal
from testbed.probes.declared_http import DeclaredHttpProbe
from testbed.probes.declared_sql import DeclaredSqlProbe
from testbed.probes.probe_registry import PROBES
from testbed.probes.probe_type import RegisteredProbe

# What is declared, by name: plain data, because the journal and a program in another container get it.
Declared = Mapping[str, Mapping[str, Any]]
Probes = Mapping[str, type[RegisteredProbe]]


def known_probes(declared: Declared) -> Probes:
    """Return the built-in probes and the declared ones, each as its class.

    Args:
        declared: as ``testbed.topology.declared_probes.as_data`` returns it.
    """
    return {**PROBES, **{name: _probe_class(name, keys) for name, keys in declared.items()}}


def journal_probes(journal: Journal) -> Probes:
    """Return the probes that the run of a journal knew."""
    return known_probes(journal.plan.probes if journal.plan else {})


def _probe_class(name: str, keys: Mapping[str, Any]) -> type[RegisteredProbe]:
    common = {"name": name, "keys": keys, "interval": float(keys["interval"]), "__doc__": f"The declared probe {name}."}
    if keys["kind"] == "http":
        kept = f", in a session ({keys['session']})" if keys.get("session") else ""
        return type(
            name,
            (DeclaredHttpProbe,),
            # The database explains an outage best (explanation.py), so it comes first.
            common | {"summary": f"requests {keys['url']}{kept}", "resources": tuple(sorted(keys["needs"]))},
        )
    return type(name, (DeclaredSqlProbe,), common | {"summary": f"runs {keys['query']!r}"})
