"""A machine that is an OpenBSD guest. It has no guest agent, so commands run over SSH from its container.

Only the container and the guest are on the network ``control``. The keys of both are made with the cluster, and ssh
reads only the ``ssh_config`` beside them (``testbed.openbsd.node.ssh``). Commands share one connection, because a key
exchange takes an emulated guest most of a second.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from testbed.machines.machine import KILL_SECONDS, KILLED, TIMED_OUT, ExecResult, Unreachable, with_time_limit
from testbed.machines.virtual import VirtualMachine
from testbed.output_line import last_line

SSH_CONFIG = "/etc/testbed/control/ssh_config"
GUEST = "guest"
# Exit status of ssh(1) when ssh itself failed.
SSH_FAILED = 255
# How long ssh may take to reach an emulated guest, beyond the command's own time.
MARGIN_SECONDS = 2.0
READY_SECONDS = 8.0
# An emulated system shuts down slowly; the launcher cuts the power a little sooner.
STOP_SECONDS = 70


class OpenBSDMachine(VirtualMachine):
    """A guest whose commands run over SSH."""

    def ready(self) -> bool:
        """Return whether its sshd answers; the first connection to an emulated guest is slow."""
        try:
            return self.exec(["true"], timeout=READY_SECONDS).status == 0
        except Unreachable:
            return False

    def stop(self) -> None:
        """Press its power button, and wait until it is off."""
        self._container.stop(timeout=STOP_SECONDS)

    def agent(self) -> Path | None:
        """Return None: it has no guest agent, and synchronises its clock itself."""
        return None

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command in the guest; its arguments arrive unchanged."""
        # The guest keeps the limit (timeout(1), since OpenBSD 7.0): to end ssh alone would leave the command running.
        ssh = ["ssh", "-F", SSH_CONFIG, GUEST, "--", shlex.join(with_time_limit(command, timeout))]
        begin = time.monotonic()
        result = self.exec_in_container(ssh, timeout + KILL_SECONDS + MARGIN_SECONDS)
        if result.status == TIMED_OUT or (result.status == KILLED and time.monotonic() >= begin + timeout):
            raise Unreachable(f"{shlex.join(command)} did not end within {timeout:g} s", where=self.name)
        if result.status == SSH_FAILED:
            raise Unreachable(f"ssh cannot reach it: {last_line(result.stderr)}", where=self.name)
        return result
