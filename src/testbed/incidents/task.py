"""A long-running program inside a node: a probe or the load."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from testbed.cluster.unrecorded_faults import OWNER
from testbed.errors import TestbedError
from testbed.host import process_identity
from testbed.machines import Machine, Power
from testbed.output_line import last_line
from testbed.wait import wait_until

END_SECONDS = 30.0


def end_strays(machine: Machine) -> None:
    """End probes and loads that a killed process has left running on a node.

    Nothing but these runs Python there, so that is how they are known.
    """
    script = """for status in /proc/[0-9]*/comm; do
        case $(cat "$status" 2>/dev/null) in
            python3|locust) pid=${status#/proc/}; kill -KILL "${pid%/comm}" ;;
        esac
    done"""
    machine.exec(["sh", "-c", script])


class Task:
    """A program that runs in the background of a node.

    Args:
        machine: the node.
        pid: its process there.
        log: file on the node with its output.
        measures: what it measures: names of probes between blanks, or ``load``.
    """

    def __init__(self, machine: Machine, pid: int, log: str, measures: str = "") -> None:
        self.node = machine.name
        self.measures = measures
        self._machine = machine
        self._pid = pid
        self._log = log

    @classmethod
    def start(
        cls,
        machine: Machine,
        command: Sequence[str],
        log: str,
        environment: Mapping[str, str] | None = None,
        measures: str = "",
    ) -> Task:
        """Start ``command`` in the background.

        Args:
            machine: the node.
            command: program and arguments; it must end by itself in bounded time, should we die.
            log: file on the node for its output.
            environment: additional variables.
            measures: names of probes between blanks, or ``load``.
        """
        # `testbed heal` ends the program when this process is gone.
        variables = {OWNER: process_identity.identify(), **(environment or {})}
        assignments = [f"{key}={value}" for key, value in variables.items()]
        line = shlex.join(["env", *assignments, *command])
        result = machine.exec(["sh", "-c", f"setsid {line} >{shlex.quote(log)} 2>&1 </dev/null & echo $!"])
        return cls(machine, int(result.check(f"cannot start {command[0]}", machine.name)), log, measures)

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._signal("0") == 0

    def output(self) -> str:
        """What it printed so far."""
        return self._machine.exec(["cat", self._log]).stdout

    def ended(self) -> str:
        """Return why it has ended by itself: its node went off, or its last line of output; empty while it runs."""
        if self._machine.power() is Power.OFF:
            return f"{self.node} went off"
        if self.running():
            return ""
        return f"a program has ended: {last_line(self.output())}"

    def stop(self) -> None:
        """Ask it to end, and wait until it has.

        Raises:
            WaitTimeout: it does not end.
        """
        self._signal("TERM")
        wait_until(
            lambda: not self.running(), END_SECONDS, f"process {self._pid} on {self._machine.name} to end",
            hint=f"its output is in {self._log}",
        )  # fmt: skip

    def _signal(self, name: str) -> int:
        # The shell's own kill: a small image has no other, and a missing program looks like a missing process.
        result = self._machine.exec(["sh", "-c", f"kill -{name} {self._pid}"])
        if result.status not in (0, 1):
            raise TestbedError(f"cannot signal process {self._pid}: {result.stderr.strip()}", where=self._machine.name)
        return result.status
