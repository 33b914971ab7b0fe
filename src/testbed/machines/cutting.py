"""Packets that vanish on a cable: rules at an interface outside the machine, so that nothing in it can tell.

Rules stand in nftables' netdev tables (nft(8), hooks ``ingress`` and ``egress``). They must stand outside: a program
that reads packets beside its kernel, as UCARP does by libpcap, sees what arrives at an interface before any hook of it,
and a sender is told of what an egress hook dropped; CARP then advertises itself as unfit. The carrier stays.
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
from testbed.machines.helper import Helper
from testbed.machines.machine import Way
from testbed.output_line import first_line
from testbed.settings import CLUSTER_LABEL

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


class NoNftError(TestbedError):
    """Nothing is here that could look for rules on the host."""

    def __init__(self, prefix: str) -> None:
        super().__init__(
            "rules of faults may be left on the host: the balancers' image is not here, nor, for root, the program nft",
            fix=f"`nft list tables netdev` lists them, their names begin with {prefix}; "
            "`nft delete table netdev NAME` deletes one",
        )


def image_with_nft(docker: DockerClient, images: str, cluster: str) -> str:
    """Return an image that has nft, the balancers', empty when there is none.

    Look for it before the containers are removed. Containers keep an image that has lost its name, and theirs may have
    another name than is set now.

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


def sweep(docker: DockerClient, image: str, labels: Mapping[str, str], machine: str = "") -> list[str]:
    """Delete a cluster's tables on the host, whatever is on record and whether or not its containers still exist.

    Args:
        docker: the engine.
        image: one that has nft; without one, root runs the host's.
        labels: of the container that runs nft; the cluster's identity is one of them.
        machine: only the tables of this node.

    Returns:
        The tables that were there.

    Raises:
        NoNftError: there is no nft to run.
        TestbedError: nft refuses.
    """
    prefix = f"cut.{labels[CLUSTER_LABEL]}." + (f"{machine}." if machine else "")
    command = ["sh", "-c", _SWEEP, prefix]
    if _exists(docker, image):
        return Helper(docker, image, labels, "the host").run(command, "host").split()
    environment = host_environment()
    if os.geteuid() != 0 or not shutil.which("nft", path=environment["PATH"]):
        raise NoNftError(prefix)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TestbedError(f"nft refuses: {first_line(done.stderr)}", where="the host")
    return done.stdout.split()
