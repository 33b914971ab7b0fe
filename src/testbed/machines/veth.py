"""The host's end of a container's cable."""

from __future__ import annotations

import subprocess
from pathlib import Path

from testbed.errors import TestbedError


def set_link(index: int, *, up: bool) -> None:
    """Bring the host's interface ``index`` up or down.

    Args:
        index: the host's interface index, as the container's ``link_index`` tells it.
        up: whether the cable is in.

    Raises:
        TestbedError: there is no such interface, or the right to change it is missing.
    """
    name = _name(index)
    result = subprocess.run(
        ["ip", "link", "set", "dev", name, "up" if up else "down"], capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise TestbedError(result.stderr.strip(), where=f"host interface {name}", mend="run testbed as root")


def _name(index: int) -> str:
    for interface in Path("/sys/class/net").iterdir():
        if int((interface / "ifindex").read_text()) == index:
            return interface.name
    raise TestbedError(
        f"no interface with index {index} on this host", mend="testbed must run on the machine the engine runs on"
    )
