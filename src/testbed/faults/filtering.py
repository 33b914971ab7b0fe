"""Packets that vanish on a cable: rules in the machine's network namespace, which die with it.

Rules stand in netdev tables, at the interface itself (nft(8), hooks ``ingress`` and ``egress``): ahead of everything
the machine does with a packet, and for a VM ahead of the bridge its card is plugged into. The carrier stays.
"""

from __future__ import annotations

from testbed.faults.options import Direction
from testbed.machines import Machine, Power

_HOOKS = {"in": "ingress", "out": "egress"}


def drop(machine: Machine, network: str, table: str, direction: Direction, which: str = "") -> None:
    """Drop packets on a cable.

    Args:
        machine: the machine.
        network: which cable.
        table: the table's name; one that is there is replaced.
        direction: ``in``: what the machine should receive; ``out``: what it sends; or both.
        which: a condition; by default all packets.
    """
    port = machine.port(network)
    chains = "\n".join(
        f"chain {way} {{\ntype filter hook {hook} device {port} priority 0\n{which} drop\n}}"
        for way, hook in _HOOKS.items()
        if direction in (way, "both")
    )
    machine.filter(f"{_without(table)}table netdev {table} {{\n{chains}\n}}\n")


def let_pass(machine: Machine, table: str) -> None:
    """Take the rules away; a machine without power has lost them."""
    if machine.power() is not Power.OFF:
        machine.filter(_without(table))


def _without(table: str) -> str:
    # Deleting a table that is not there is an error; one that is declared is there.
    return f"table netdev {table}\ndelete table netdev {table}\n"
