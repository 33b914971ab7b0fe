"""The output of ``node-state``: sections of raw command output, each headed by ``== <command>``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from testbed.machines.machine import Machine, Power, Unreachable


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


def split(output: str) -> dict[str, str]:
    """Section name to raw text."""
    parts = re.split(r"^== (.*)\n", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def section(sections: Mapping[str, str], command: str) -> str:
    """The raw text of the section whose command begins with ``command``, empty when there is none."""
    return next((text for name, text in sections.items() if name.startswith(command)), "")


def addresses(ip_output: str) -> set[str]:
    """The IPv4 addresses that ``ip -o -4 addr`` lists."""
    return set(re.findall(r"\binet (\d+\.\d+\.\d+\.\d+)/", ip_output))
