"""What testbed asks of a mechanism that moves a virtual address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from testbed.node_sections import addresses, section


class AddressMechanism(ABC):
    """What decides which node has a virtual address.

    testbed does not ask how a node gives its address up: the node's program ``resign`` does it (docs/contract.md).

    Attributes:
        program: name of its process; empty: it has none.
        restart: shell command after which its supervisor starts it again, and it takes part in the election.
        settle_seconds: how long one that has just begun waits before it would take the address.
        alarm_patterns: regular expressions of its log lines that no healthy run has, by the name of the alarm.
    """

    program: ClassVar[str] = ""
    restart: ClassVar[str] = ""
    settle_seconds: ClassVar[float] = 0.0
    alarm_patterns: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def partakes(self, sections: Mapping[str, str]) -> bool:
        """Whether a node takes part in the election by this mechanism; one that has resigned does not.

        Args:
            sections: of the node's ``node-state``; another mechanism may be the node's.
        """

    def holds(self, address: str, sections: Mapping[str, str]) -> bool:
        """Whether a node has an address; by default, one of its interfaces has it.

        Args:
            address: virtual.
            sections: of the node's ``node-state``.
        """
        return address in addresses(section(sections, "ip -o -4 addr"))
