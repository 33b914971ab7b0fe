"""Run a container's program from the host: nsenter(1) takes a tenth of the time that ``docker exec`` takes.

The process is in the container's namespaces, and sees its files, addresses and processes. It is not in its control
group, so that it works when the container is busy, and costs it nothing. Programs that only look may be run so; for all
others the limits of the container count, and ``container_exec`` runs them.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from testbed.host.command import host_environment
from testbed.machines.machine import KILL_SECONDS, TIMED_OUT, ExecResult, with_time_limit
from testbed.machines.network_namespace import can_run_host_programs, nsenter_command

PROC = Path("/proc")
# What timeout(1) does not end in time waits for a device.
MARGIN_SECONDS = KILL_SECONDS + 1.0


def can_enter(container: str, pid: int) -> bool:
    """Return whether the host's root can enter a container.

    Args:
        container: its identity.
        pid: its first process, as the engine knows it. Where the engine runs elsewhere, that is another process here.
    """
    if not pid or not can_run_host_programs():
        return False
    try:
        return container in (PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return False


def run(pid: int, command: Sequence[str], timeout: float) -> ExecResult:
    """Run a program in a container, with the environment of its first process.

    Args:
        pid: the host's process id of that process.
        command: program and arguments.
        timeout: seconds after which it is ended, with the status of timeout(1).

    Raises:
        OSError: the container has gone off.
    """
    environment = dict(
        entry.split("=", 1)
        for entry in (PROC / str(pid) / "environ").read_text(errors="surrogateescape").split("\0")
        if "=" in entry
    )
    full = nsenter_command(pid, with_time_limit(command, timeout), "mount", "uts", "ipc", "pid")
    try:
        # Not by env(1): its arguments, and with them the container's environment, would be in every user's ps(1).
        done = subprocess.run(
            full, capture_output=True, text=True, errors="replace", check=False, timeout=timeout + MARGIN_SECONDS,
            env=environment, executable=shutil.which("nsenter", path=host_environment()["PATH"]),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ExecResult(TIMED_OUT, "", "")
    return ExecResult(done.returncode, done.stdout, done.stderr)
