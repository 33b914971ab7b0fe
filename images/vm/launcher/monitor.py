"""The launcher's QMP monitor: orders, answers and events (QEMU, docs/interop/qmp-spec)."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from launcher.lines import Lines
from launcher.settings import LauncherError

# An answer that takes longer does not come.
SECONDS = 60.0


def _ignore(_: dict[str, Any]) -> None:
    """Drop an event."""


class Monitor:
    """A monitor of the launcher's own: the public ones serve one client at a time.

    Args:
        wire: QEMU's end is the other one.

    Attributes:
        note: called with each event.
    """

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.note: Callable[[dict[str, Any]], None] = _ignore
        self._lines = Lines(wire, self._take)
        self._answers: list[dict[str, Any]] = []
        self._sent = 0
        self.order("qmp_capabilities")

    def read(self) -> bool:
        """Read what there is; events go to ``note``.

        Returns:
            False when QEMU has ended.
        """
        return self._lines.read()

    def _take(self, line: str) -> None:
        message: dict[str, Any] = json.loads(line)
        if message.get("id") == self._sent:
            self._answers.append(message)
        elif "event" in message:
            self.note(message)

    def order(self, command: str, **arguments: object) -> None:
        """Send an order without waiting for its answer.

        Args:
            command: the QMP command's name.
            arguments: its arguments, with ``_`` in place of ``-``.
        """
        self._sent += 1
        named = {name.replace("_", "-"): value for name, value in arguments.items()}
        message = {"execute": command, "arguments": named, "id": self._sent}
        try:
            self.wire.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return  # QEMU has ended already, and the launcher's wait for it returns

    def ask(self, command: str, **arguments: object) -> Any:  # noqa: ANN401 - each command answers in its own way
        """Send an order and return its answer; events that come before it are dropped.

        Args:
            command: as for ``order``.
            arguments: as for ``order``.

        Raises:
            LauncherError: QEMU refuses it, does not answer, or has ended.
        """
        self._answers.clear()
        self.order(command, **arguments)
        with self._noted_by(_ignore):
            self._read_until(lambda: bool(self._answers), command)
        answer = self._answers[0]
        if "error" in answer:
            raise LauncherError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def report_migrations(self) -> None:
        """Have QEMU send an event when a migration has ended, as ``migrated`` needs it."""
        self.ask("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])

    def migrated(self, command: str, **arguments: object) -> None:
        """Send an order that saves or loads the VM's state, and wait until that has been done (``report_migrations``).

        Args:
            command: as for ``order``.
            arguments: as for ``order``.

        Raises:
            LauncherError: it failed.
        """
        ends: list[str] = []

        def note(message: dict[str, Any]) -> None:
            if message["event"] == "MIGRATION" and message["data"]["status"] in ("completed", "failed"):
                ends.append(message["data"]["status"])

        self._answers.clear()
        self.order(command, **arguments)
        with self._noted_by(note):
            self._read_until(lambda: bool(ends) or any("error" in each for each in self._answers), command)
        if not ends:
            raise LauncherError(f"{command}: {self._answers[0]['error']['desc']}")
        if ends[0] != "completed":
            reason = self.ask("query-migrate").get("error-desc", "no reason given")
            raise LauncherError(f"{command}: {reason}")

    def resume(self) -> None:
        """Let the VM run, as soon as QEMU has ended a migration: it reports the end a moment sooner.

        Raises:
            LauncherError: it does not end.
        """
        deadline = time.monotonic() + SECONDS
        while self.ask("query-status")["status"] == "finish-migrate":
            if time.monotonic() > deadline:
                raise LauncherError("cont: the migration does not end")
        self.ask("cont")

    @contextmanager
    def _noted_by(self, note: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        before, self.note = self.note, note
        try:
            yield
        finally:
            self.note = before

    def _read_until(self, done: Callable[[], bool], command: str) -> None:
        deadline = time.monotonic() + SECONDS
        self.wire.settimeout(SECONDS)
        try:
            while not done():
                if not self._lines.read() or time.monotonic() > deadline:
                    raise LauncherError(f"{command}: QEMU has ended or does not answer")
        finally:
            self.wire.settimeout(None)
