"""A machine that is an OpenBSD guest: it has no guest agent, its commands go over SSH from its own container.

The container and the guest share a network of two, ``control``; the keys of both are made with the cluster, and ssh
reads nothing but the ``ssh_config`` beside them (``testbed.openbsd.node.ssh``). One connection is kept and shared: an
emulated guest needs most of a second for a key exchange.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from testbed.machines.machine import KILL_SECONDS, KILLED, TIMED_OUT, ExecResult, Unreachable, limited
from testbed.machines.virtual import VirtualMachine
from testbed.output_line import last_line

SSH_CONFIG = "/etc/testbed/control/ssh_config"
GUEST = "guest"
# What ssh(1) ends with when it was ssh that failed.
SSH_FAILED = 255
# For ssh to reach an emulated guest, beyond the command's own time.
MARGIN_SECONDS = 2.0
READY_SECONDS = 8.0
# An emulated system takes its time to say goodbye; the launcher cuts the power a little sooner.
STOP_SECONDS = 70


class OpenBSDMachine(VirtualMachine):
    """A guest that is told and asked by SSH."""

    def ready(self) -> bool:
        """Whether its sshd answers; a first connection takes an emulated guest some time."""
        try:
            return self.exec(["true"], timeout=READY_SECONDS).status == 0
        except Unreachable:
            return False

    def stop(self) -> None:
        """Press its power button, and wait until it is off."""
        self._container.stop(timeout=STOP_SECONDS)

    def agent(self) -> Path | None:
        """It has no guest agent; it asks for the time by itself."""
        return None

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command in the guest; its words arrive as they are."""
        # The guest keeps the limit (timeout(1), since OpenBSD 7.0): to end ssh alone would leave the command running.
        words = ["ssh", "-F", SSH_CONFIG, GUEST, "--", shlex.join(limited(command, timeout))]
        begin = time.monotonic()
        result = self.exec_in_container(words, timeout + KILL_SECONDS + MARGIN_SECONDS)
        if result.status == TIMED_OUT or (result.status == KILLED and time.monotonic() >= begin + timeout):
            raise Unreachable(f"{shlex.join(command)} did not end within {timeout:g} s", where=self.name)
        if result.status == SSH_FAILED:
            raise Unreachable(f"ssh cannot reach it: {last_line(result.stderr)}", where=self.name)
        return result
