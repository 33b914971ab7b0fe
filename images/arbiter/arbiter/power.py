"""The power of a database machine, by a QMP monitor of its own (QEMU, docs/interop/qmp-spec).

A node whose socket is not served is off: there is no QEMU that could run it. One whose QEMU does not answer may run
or not: nothing is proved, and nothing may be granted.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 3.0
# SeaBIOS finds its own traces in memory and resets the machine once more, to begin from clean ones.
SECOND_RESET_SECONDS = 10.0


class NotProved(Exception):
    """Whether the machine runs is not known; the message says why."""


class Monitor:
    """A conversation with one QEMU.

    Args:
        path: its socket.

    Raises:
        NotProved: it does not answer.
        FileNotFoundError: there is no such QEMU.
        ConnectionRefusedError: there is no such QEMU any more.
    """

    def __init__(self, path: Path) -> None:
        self._wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._wire.settimeout(ANSWER_SECONDS)
        self._lines = self._wire.makefile("r")
        self._resets = 0
        try:
            self._wire.connect(str(path))
            self._lines.readline()  # the greeting
            self.order("qmp_capabilities")
        except (NotProved, OSError):
            self.close()
            raise

    def order(self, command: str, **arguments: str) -> dict[str, Any]:
        """Send an order.

        Args:
            command: the QMP command's name.
            arguments: its arguments.

        Returns:
            QEMU's answer.

        Raises:
            NotProved: there is none, or it is a refusal.
        """
        try:
            self._wire.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        except OSError as error:
            raise NotProved(f"QEMU is gone: {error.strerror}") from None
        message = self._message("return", "error")
        if "error" in message:
            raise NotProved(f"QEMU refuses {command}: {message['error'].get('desc')}")
        answer: dict[str, Any] = message["return"]
        return answer

    def wait_resets(self, number: int, seconds: float) -> None:
        """Wait until QEMU has reset the machine.

        Args:
            number: how many times since the conversation began.
            seconds: at most, from one thing that QEMU says to the next.

        Raises:
            NotProved: it has not.
        """
        self._wire.settimeout(seconds)
        while self._resets < number:
            self._message("event")

    def close(self) -> None:
        """End the conversation."""
        self._lines.close()
        self._wire.close()

    def _message(self, *kinds: str) -> dict[str, Any]:
        while True:
            try:
                line = self._lines.readline()
            except OSError:
                line = ""
            if not line:
                raise NotProved("QEMU does not answer")
            message: dict[str, Any] = json.loads(line)
            self._resets += message.get("event") == "RESET"
            if any(kind in message for kind in kinds):
                return message


def prove_off(path: Path, *, cut: bool) -> str:
    """Make sure that nothing of what the machine had in memory can reach anybody any more.

    Args:
        path: the machine's monitor.
        cut: whether to power-cycle it if it runs.

    Returns:
        ``off``: it is; ``reset``: it runs, from its first instruction on.

    Raises:
        NotProved: it runs and shall not be cut, or nothing is known.
    """
    try:
        monitor = Monitor(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return "off"
    except OSError as error:
        raise NotProved(f"QEMU does not answer: {error.strerror or error}") from None
    if not cut:
        monitor.close()
        raise NotProved("it runs")
    try:
        _cycle(monitor)
    except NotProved:
        monitor.close()
        raise
    return "reset"


def _cycle(monitor: Monitor) -> None:
    """QEMU runs with ``-no-reboot``: a guest that restarts by itself has crashed. So the action is changed for now."""
    running = bool(monitor.order("query-status")["running"])
    monitor.order("set-action", reboot="reset")
    monitor.order("system_reset")
    monitor.wait_resets(1, ANSWER_SECONDS)
    if not running:  # it was frozen; its memory is gone, so it cannot go on in the middle of a sentence
        monitor.order("cont")
    threading.Thread(target=_settle, args=(monitor,), daemon=True).start()


def _settle(monitor: Monitor) -> None:
    with contextlib.suppress(NotProved):  # a firmware that needs no second one
        monitor.wait_resets(2, SECOND_RESET_SECONDS)
    with contextlib.suppress(NotProved):
        monitor.order("set-action", reboot="shutdown")
    monitor.close()
