"""What one step is made of: read from the command line once, never changed; and where things lie in the container."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TFTP = Path("/tree/tftp")
HTTP = Path("/tree/http")
DISK = Path("/work/unfinished.qcow2")
PACKED = Path("/work/packed.qcow2")
CONSOLE = Path("/log/console")
REQUESTS = Path("/log/requests")


class InstallerError(Exception):
    """The step cannot be taken; the message is the one line the user sees."""


@dataclass(frozen=True)
class Settings:
    """One step.

    Args:
        step: ``network`` and ``disk`` boot the machine from there, ``pack`` makes its disk small.
        accel: ``tcg`` or ``kvm``.
        memory_mib: the machine's memory, MiB.
        disk_mib: size of its disk, MiB.
        seconds: after which a boot is ended whatever it does: testbed may have been killed.
        extra: further QEMU arguments.
    """

    step: str
    accel: str
    memory_mib: int
    disk_mib: int
    seconds: float
    extra: tuple[str, ...]


def read(arguments: Sequence[str] | None = None) -> Settings:
    """Read the command line.

    Args:
        arguments: by default the process's own.
    """
    parser = argparse.ArgumentParser(prog="installer", description=__doc__)
    parser.add_argument("step", choices=("network", "disk", "pack"))
    parser.add_argument("--accel", choices=("tcg", "kvm"), default="tcg")
    parser.add_argument("--memory", type=int, default=1024, help="MiB")
    parser.add_argument("--disk", type=int, default=8192, help="MiB")
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("extra", nargs="*", help="further QEMU arguments, behind --")
    found = parser.parse_args(arguments)
    return Settings(found.step, found.accel, found.memory, found.disk, found.seconds, tuple(found.extra))
