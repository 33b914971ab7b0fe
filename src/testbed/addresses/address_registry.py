"""The mechanisms that move virtual addresses, and what testbed asks of all of them.

Profile and platform decide which mechanism a node has; what the node prints shows it. So nothing outside this package
asks for one of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from testbed.addresses.address_mechanism import AddressMechanism
from testbed.addresses.keepalived import Keepalived
from testbed.addresses.kernel_carp import KernelCarp
from testbed.addresses.ucarp import Ucarp

MECHANISMS: tuple[AddressMechanism, ...] = (Ucarp(), Keepalived(), KernelCarp())
# The service of the faults of processes, whatever mechanism the node has: a word of incident files.
SERVICE = "ucarp"
PROGRAMS = tuple(each.program for each in MECHANISMS if each.program)
# Restarts the mechanism that a node has.
RESTART = "; ".join([*(each.restart for each in MECHANISMS if each.restart), "true"])
SETTLE_SECONDS = max(each.settle_seconds for each in MECHANISMS)
ALARM_PATTERNS: Mapping[str, str] = {
    name: pattern for each in MECHANISMS for name, pattern in each.alarm_patterns.items()
}


def partakes(sections: Mapping[str, str]) -> bool:
    """Whether a node takes part in the election of the node that has the address.

    Args:
        sections: of its ``node-state``.
    """
    return any(each.partakes(sections) for each in MECHANISMS)


def holds_address(address: str, sections: Mapping[str, str]) -> bool:
    """Whether a node has an address.

    Args:
        address: virtual.
        sections: of its ``node-state``.
    """
    return any(each.holds(address, sections) for each in MECHANISMS)


def complaint(node: str) -> str:
    """Return what is wrong with a node that takes no part in the election.

    Args:
        node: its name.
    """
    return f"{node}: takes no part in CARP"
