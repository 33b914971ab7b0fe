"""A container's network namespace and cables, seen from the host.

Root runs the host's ip and tc (iproute2) in the namespace. Without root, or on a host that lacks them, a helper
container runs them.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.errors import TestbedError
from testbed.host.command import host_environment
from testbed.output_line import first_line

if TYPE_CHECKING:
    from testbed.machines.helper_container import HelperContainer

PROGRAMS = ("ip", "tc", "nsenter", "unshare")


@dataclass(frozen=True)
class Namespace:
    """A network namespace, and the two ways into it.

    Args:
        mode: as Docker names it, for a container that shares it.
        enter: the prefix with which root runs a command in it.
    """

    mode: str
    enter: tuple[str, ...] = ()


HOST = Namespace("host")
NEW = Namespace("none", ("unshare", "--net"))


def namespace_of(container: str, pid: int) -> Namespace:
    """Return the network namespace of a container.

    Args:
        container: its identity.
        pid: the host's process id of any of its processes.
    """
    return Namespace(f"container:{container}", tuple(nsenter_command(pid, ())))


def nsenter_command(pid: int, command: Sequence[str], *more: str) -> list[str]:
    """Return the command that runs ``command`` in the network namespace of process ``pid`` (nsenter(1)).

    Args:
        pid: the host's process id.
        command: a program of the host, or of the container if ``more`` has ``mount``.
        more: its other namespaces that the command is to run in.
    """
    return ["nsenter", "--target", str(pid), *(f"--{name}" for name in ("net", *more)), *command]


def set_links(indexes: Sequence[int], helper: HelperContainer, *, up: bool) -> None:
    """Bring interfaces of the host up or down, one right after the other.

    Args:
        indexes: the host's interface indexes, as the containers' ``link_index`` has them.
        helper: runs the commands without root.
        up: whether to bring them up.

    Raises:
        TestbedError: there is no such interface, or it does not go up or down.
    """
    commands = [["ip", "link", "set", "dev", host_interface(index), "up" if up else "down"] for index in indexes]
    run(["sh", "-ec", "\n".join(shlex.join(command) for command in commands)], HOST, helper)


def host_interface(index: int) -> str:
    """Return the name of the host's interface ``index``.

    Raises:
        TestbedError: there is none.
    """
    for interface in Path("/sys/class/net").iterdir():
        if int((interface / "ifindex").read_text()) == index:
            return interface.name
    raise TestbedError(
        f"no interface with index {index} on this host", fix="testbed must run on the host of the engine"
    )


def links(namespace: Namespace, helper: HelperContainer) -> list[dict[str, Any]]:
    """Return all interfaces in a network namespace, as ``ip -j addr`` lists them."""
    found: list[dict[str, Any]] = json.loads(run(["ip", "-j", "addr"], namespace, helper))
    return found


def run(command: Sequence[str], namespace: Namespace, helper: HelperContainer) -> str:
    """Run a program of iproute2 in a network namespace.

    Args:
        command: the program and its arguments.
        namespace: the namespace.
        helper: runs the program without root.

    Returns:
        Its output.

    Raises:
        TestbedError: it failed; with the first line of its errors.
    """
    if not can_run_host_programs():
        return helper.run(command, namespace.mode)
    full = [*namespace.enter, *command]
    try:
        result = subprocess.run(full, capture_output=True, text=True, check=False, timeout=20, env=host_environment())
    except subprocess.TimeoutExpired as late:
        raise TestbedError(f"no end within {late.timeout:g} s", where=" ".join(full)) from None
    if result.returncode:
        raise TestbedError(first_line(result.stderr), where=" ".join(full))
    return result.stdout


def can_run_host_programs() -> bool:
    """Return whether this process is root, and the host has the programs."""
    path = host_environment()["PATH"]
    return os.geteuid() == 0 and all(shutil.which(name, path=path) for name in PROGRAMS)
