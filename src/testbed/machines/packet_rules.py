"""nftables rules that drop a node's packets, at an interface outside the node, so that the node cannot notice them.

The rules are in nftables' netdev tables (nft(8), hooks ``ingress`` and ``egress``). They must be outside the node for
two reasons. A program that reads packets with libpcap sees a packet before any hook of the interface, and what moves
an address may be such a program. And an egress hook reports a dropped packet to its sender, which may then give the
address up. The carrier stays.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Mapping

from docker import DockerClient
from docker.errors import ImageNotFound

from testbed.errors import TestbedError
from testbed.host.command import host_environment
from testbed.machines.helper_container import HelperContainer
from testbed.machines.machine import Way
from testbed.output_line import first_line
from testbed.settings import CLUSTER_LABEL

# The hook for each way of a packet. The host's end of a container's cable leads towards the node. The interface of the
# container around a VM leads away from the node.
TOWARDS_NODE: Mapping[Way, str] = {"in": "egress", "out": "ingress"}
FROM_NODE: Mapping[Way, str] = {"in": "ingress", "out": "egress"}

_SWEEP = """
nft list tables netdev | while read -r _ _ table; do
    case $table in "$0"*) nft delete table netdev "$table" && echo "$table" || exit ;; esac
done
"""


def drop_rules(table: str, device: str, hooks: Mapping[Way, str], ways: Collection[Way], which: str = "") -> str:
    """Return an nftables script that drops packets.

    Args:
        table: name of the table; a table of that name is replaced.
        device: the interface.
        hooks: ``TOWARDS_NODE`` or ``FROM_NODE``.
        ways: ``in``: packets to the node; ``out``: packets from the node.
        which: a condition; by default all packets.
    """
    chains = "\n".join(
        f"chain {way} {{\ntype filter hook {hooks[way]} device {device} priority 0\n{which} drop\n}}" for way in ways
    )
    return f"{delete_rules(table)}table netdev {table} {{\n{chains}\n}}\n"


def delete_rules(table: str) -> str:
    """Return an nftables script that deletes a table, if there is one."""
    return f"table netdev {table}\ndelete table netdev {table}\n"


def host_table(cluster: str, machine: str, name: str) -> str:
    """Return the name of a table on the host, which several clusters share.

    Args:
        cluster: the cluster's identity.
        machine: the node.
        name: name of the rules, by which they are deleted.
    """
    return f"cut.{cluster}.{machine}.{name}"


class NoNftError(TestbedError):
    """There is no nft that could look for rules on the host."""

    def __init__(self, prefix: str) -> None:
        super().__init__(
            "rules of faults may remain on the host: neither the balancers' image nor (for root) nft exists",
            fix=f"`nft list tables netdev` lists them, their names begin with {prefix}; "
            "`nft delete table netdev NAME` deletes one",
        )


def image_with_nft(docker: DockerClient, images: str, cluster: str) -> str:
    """Return an image that has nft, the balancers', empty when there is none.

    Call it before the containers are removed: they keep an image that has lost its name, or that has another name than
    the setting.

    Args:
        docker: the engine.
        images: what the names of images begin with.
        cluster: the cluster's identity.
    """
    by_containers, by_name = [], [f"{images}/lb"]
    for each in docker.containers.list(all=True, filters={"label": f"{CLUSTER_LABEL}={cluster}"}):
        prefix, slash, name = each.attrs["Config"]["Image"].rpartition("/")
        if name.partition(":")[0] == "lb":
            by_containers.append(each.attrs["Image"])
        elif slash:
            by_name.append(f"{prefix}/lb")
    return next((image for image in (by_name[0], *by_containers, *by_name) if _exists(docker, image)), "")


def _exists(docker: DockerClient, image: str) -> bool:
    try:
        return bool(image and docker.images.get(image))
    except ImageNotFound:
        return False


def delete_host_tables(docker: DockerClient, image: str, labels: Mapping[str, str], machine: str = "") -> list[str]:
    """Delete a cluster's tables on the host, including those of containers that no longer exist.

    Args:
        docker: the engine.
        image: one that has nft; without one, root runs the host's.
        labels: of the container that runs nft; the cluster's identity is one of them.
        machine: only the tables of this node.

    Returns:
        The tables that it deleted.

    Raises:
        NoNftError: there is no nft to run.
        TestbedError: nft refuses.
    """
    prefix = f"cut.{labels[CLUSTER_LABEL]}." + (f"{machine}." if machine else "")
    command = ["sh", "-c", _SWEEP, prefix]
    if _exists(docker, image):
        return HelperContainer(docker, image, labels, "the host").run(command, "host").split()
    environment = host_environment()
    if os.geteuid() != 0 or not shutil.which("nft", path=environment["PATH"]):
        raise NoNftError(prefix)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TestbedError(f"nft refuses: {first_line(done.stderr)}", where="the host")
    return done.stdout.split()
