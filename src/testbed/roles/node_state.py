"""Asks a node for its state with its program ``node-state``."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.machines.machine import Machine, Power, Unreachable
from testbed.node_sections import addresses, section, split

__all__ = ["addresses", "query", "section", "split"]


def query(machine: Machine) -> Mapping[str, str] | None:
    """Run ``node-state`` on a node.

    Returns:
        Section name to its raw text, or None when the node is off, frozen or does not answer.
    """
    try:
        if machine.power() is not Power.ON:
            return None
        result = machine.look(["node-state"], timeout=10)
    except Unreachable:
        return None
    return split(result.stdout) if result.status == 0 else None
