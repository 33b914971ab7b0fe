"""Takes one step; exit status 0 when QEMU ended gracefully, else 1 with one line that says why."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from installer import machine, server
from installer.settings import DISK, HTTP, PACKED, REQUESTS, InstallerError, Settings, read


def _run(command: Sequence[str], seconds: float | None = None) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise InstallerError(f"{command[0]} ran longer than {seconds:g} s") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it wrote nothing"]
        raise InstallerError(f"{command[0]} ended with status {done.returncode}: {lines[-1]}")


def _boot(settings: Settings) -> None:
    if settings.step == "network":
        _run(["qemu-img", "create", "-q", "-f", "qcow2", str(DISK), f"{settings.disk_mib}M"])
    serving = server.serve(HTTP, REQUESTS)
    try:
        _run(machine.command(settings), settings.seconds)
    finally:
        serving.shutdown()


def _pack() -> None:
    _run(["qemu-img", "convert", "-c", "-f", "qcow2", "-O", "qcow2", str(DISK), str(PACKED)])


def main() -> int:
    """Take the step of the command line."""
    settings = read()
    try:
        if settings.step == "pack":
            _pack()
        else:
            _boot(settings)
    except (InstallerError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
