"""The cables of a container, from the host: its network namespace and the interfaces at both ends."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testbed.errors import TestbedError

_AS_ROOT = "run testbed as root"


def set_link(index: int, *, up: bool) -> None:
    """Bring the host's interface ``index`` up or down.

    Args:
        index: the host's interface index, as the container's ``link_index`` tells it.
        up: whether the cable is in.

    Raises:
        TestbedError: there is no such interface, or the right to change it is missing.
    """
    run(["ip", "link", "set", "dev", host_interface(index), "up" if up else "down"])


def host_interface(index: int) -> str:
    """Name of the host's interface ``index``.

    Raises:
        TestbedError: there is none.
    """
    for interface in Path("/sys/class/net").iterdir():
        if int((interface / "ifindex").read_text()) == index:
            return interface.name
    raise TestbedError(
        f"no interface with index {index} on this host", mend="testbed must run on the machine the engine runs on"
    )


def links(pid: int) -> list[dict[str, Any]]:
    """All interfaces in the network namespace of process ``pid``, as ``ip -j addr`` tells them."""
    found: list[dict[str, Any]] = json.loads(run(inside(pid, ["ip", "-j", "addr"])))
    return found


def inside(pid: int, command: Sequence[str]) -> list[str]:
    """The command that runs ``command`` of the host in the network namespace of process ``pid`` (nsenter(1))."""
    return ["nsenter", "--target", str(pid), "--net", *command]


def run(command: Sequence[str]) -> str:
    """Run a program of the host.

    Returns:
        Its output.

    Raises:
        TestbedError: it failed; with the first line of what it said.
    """
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except FileNotFoundError:
        raise TestbedError(f"{command[0]} is missing on this host", mend="install iproute2 and util-linux") from None
    except subprocess.TimeoutExpired as late:
        raise TestbedError(f"no end within {late.timeout:g} s", where=" ".join(command)) from None
    if result.returncode:
        said = result.stderr.strip().splitlines() or ["it said nothing"]
        raise TestbedError(said[0], where=" ".join(command), mend=_AS_ROOT if "permitted" in said[0] else "")
    return result.stdout
