"""What one build reports, and how a build is stopped."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from testbed.errors import TestbedError
from testbed.host.command import host_environment
from testbed.output_line import last_line

Report = Callable[[str], None]
"""Called with the step that a build has reached."""


class BuildStopped(TestbedError):
    """The build was stopped."""

    def __init__(self) -> None:
        super().__init__("the build was stopped")


class Stop:
    """Stops the builds in flight, and ends the programs that they run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def stop(self) -> None:
        """End what runs and let nothing new begin."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.terminate()
        for process in list(self._running):
            process.wait()

    def check(self) -> None:
        """Return when work may go on.

        Raises:
            BuildStopped: it may not.
        """
        if self._stopped:
            raise BuildStopped

    def run(self, argv: Sequence[str | Path], what: str, log: Path) -> None:
        """Run a program that may take minutes.

        Args:
            argv: the program and its arguments.
            what: what it is for, as the beginning of "... failed".
            log: keeps its output.

        Raises:
            BuildStopped: the build was stopped.
            TestbedError: it failed.
        """
        with log.open("ab") as output:
            with self._lock:
                self.check()
                process = subprocess.Popen(
                    [str(argument) for argument in argv],
                    env=host_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
                self._running.add(process)
            status = process.wait()
            self._running.discard(process)
        self.check()
        if status != 0:
            reason = last_line(log.read_text(errors="replace"))
            raise TestbedError(f"{what} failed: {reason}", where=str(argv[0]), fix=f"full log: {log}")
