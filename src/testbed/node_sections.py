"""The output of ``node-state``: sections of raw command output, each headed by ``== <command>``. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping


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


def running_services(sections: Mapping[str, str]) -> set[str]:
    """The services that run under runit, from ``sv status`` (sv(8))."""
    return set(re.findall(r"^run: \S*/([\w-]+):", section(sections, "sv status"), re.MULTILINE))
