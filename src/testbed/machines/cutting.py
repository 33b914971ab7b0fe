"""Packets that vanish on a cable: rules at an interface outside the machine, so that nothing in it can tell.

Rules stand in nftables' netdev tables (nft(8), hooks ``ingress`` and ``egress``). They must stand outside: a program
that reads packets beside its kernel, as UCARP does by libpcap, sees what arrives at an interface before any hook of it,
and a sender is told of what an egress hook dropped; CARP then advertises itself as unfit. The carrier stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from docker import DockerClient
from docker.errors import ImageNotFound

from testbed.machines.helper import Helper
from testbed.settings import CLUSTER_LABEL

Way = Literal["in", "out"]
# By the way that a packet takes, seen from the machine: the hook at an interface that leads to it, as the host's end of
# a container's cable does; and at one that leads away from it, as the card of the container around a VM.
TOWARDS: Mapping[Way, str] = {"in": "egress", "out": "ingress"}
AWAY: Mapping[Way, str] = {"in": "ingress", "out": "egress"}

_SWEEP = """
nft list tables netdev | while read -r _ _ table; do
    case $table in "$0"*) nft delete table netdev "$table" && echo "$table" || exit ;; esac
done
"""


def drop(table: str, device: str, hooks: Mapping[Way, str], ways: Collection[Way], which: str = "") -> str:
    """Write rules that drop packets.

    Args:
        table: the table's name; one that is there is replaced.
        device: the interface.
        hooks: ``TOWARDS`` or ``AWAY``.
        ways: ``in``: what the machine should receive; ``out``: what it sends.
        which: a condition; by default all packets.
    """
    chains = "\n".join(
        f"chain {way} {{\ntype filter hook {hooks[way]} device {device} priority 0\n{which} drop\n}}" for way in ways
    )
    return f"{without(table)}table netdev {table} {{\n{chains}\n}}\n"


def without(table: str) -> str:
    """Write what takes the rules away, and is no error when they are gone."""
    return f"table netdev {table}\ndelete table netdev {table}\n"


def on_host(cluster: str, machine: str, name: str) -> str:
    """Name a table on the host, where those of other clusters stand, too.

    Args:
        cluster: the cluster's identity.
        machine: the node.
        name: of the cut.
    """
    return f"cut.{cluster}.{machine}.{name}"


def sweep(docker: DockerClient, image: str, labels: Mapping[str, str], machine: str = "") -> list[str]:
    """Delete a cluster's tables on the host, whatever is on record and whether or not its containers still exist.

    Args:
        docker: the engine.
        image: one that has nft.
        labels: of the container that runs nft; the cluster's identity is one of them.
        machine: only the tables of this node.

    Returns:
        The tables that were there.

    Raises:
        TestbedError: nft refuses.
    """
    try:
        docker.images.get(image)
    except ImageNotFound:
        return []  # no machine was ever cut off without it
    prefix = f"cut.{labels[CLUSTER_LABEL]}." + (f"{machine}." if machine else "")
    return Helper(docker, image, labels, "the host").run(["sh", "-c", _SWEEP, prefix], "host").split()
