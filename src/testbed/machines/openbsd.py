"""A machine that is an OpenBSD guest: it has no guest agent, its commands go over SSH from its own container.

The container and the guest share a network of two, ``control``; the keys of both are made with the cluster, and ssh
reads nothing but the ``ssh_config`` beside them (``testbed.openbsd.node.ssh``). One connection is kept and shared: an
emulated guest needs most of a second for a key exchange.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from testbed.machines.machine import ExecResult, Unreachable
from testbed.machines.virtual import VirtualMachine

SSH_CONFIG = "/etc/testbed/control/ssh_config"
GUEST = "guest"
# What ssh(1) and timeout(1) end with when it was they that failed.
SSH_FAILED = 255
TIMED_OUT = 124
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
        words = ["ssh", "-F", SSH_CONFIG, GUEST, "--", shlex.join(command)]
        result = self.exec_in_container(words, timeout)
        if result.status == TIMED_OUT:
            raise Unreachable(f"{shlex.join(command)} did not end within {timeout:g} s", where=self.name)
        if result.status == SSH_FAILED:
            said = result.stderr.strip().splitlines() or ["it said nothing"]
            raise Unreachable(f"ssh cannot reach it: {said[-1].strip()}", where=self.name)
        return result
