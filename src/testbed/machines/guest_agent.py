"""Commands in a guest through the QEMU guest agent's socket.

Protocol: JSON lines over a virtio-serial port (QEMU, docs/interop/qemu-ga). ``guest-sync-delimited`` comes first on
each connection, because the port may still hold the answer to an earlier client.
"""

from __future__ import annotations

import base64
import json
import secrets
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from testbed.machines.machine import KILL_SECONDS, KILLED, TIMED_OUT, ExecResult, Unreachable, with_time_limit

# Short intervals first, for quick commands; longer ones later, so that polling does not load the guest.
POLL_SECONDS = 0.01
POLL_AT_MOST_SECONDS = 0.25
# How long a slow guest may take beyond the command's own time.
MARGIN_SECONDS = 3.0
# A file is read and written in pieces of this size: the agent holds each one in memory.
PIECE_BYTES = 64 * 1024
# timeout(1) sends SIGKILL to its own process group too, so the agent may report the signal instead of an exit code.
OVERDUE = (TIMED_OUT, KILLED, -signal.SIGKILL)


class GuestAgent:
    """A connection to a guest's agent; the port serves one client at a time, so keep it short.

    Args:
        path: the agent's socket.
        where: the node's name, for messages.
        timeout: seconds to wait for any answer.
    """

    def __init__(self, path: Path, where: str, timeout: float = 5) -> None:
        self._path = path
        self._where = where
        self._timeout = timeout

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(self._timeout)
        try:
            self._socket.connect(str(self._path))
            self._reader = self._socket.makefile("rb")
            self._sync()
        except (OSError, ValueError) as error:
            self._socket.close()
            raise Unreachable(f"the guest agent does not answer ({error})", where=self._where) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.close()
        self._socket.close()

    def exec(self, command: Sequence[str], timeout: float) -> ExecResult:
        """Run a command as root in the guest.

        Args:
            command: program and arguments.
            timeout: seconds after which the guest ends it.

        Raises:
            Unreachable: the agent stopped answering, or the command did not end in time.
        """
        pid = self._start(with_time_limit(command, timeout))
        begin = time.monotonic()
        late = Unreachable(f"{' '.join(command)} did not end within {timeout:g} s", where=self._where)
        while time.monotonic() < begin + timeout + KILL_SECONDS + MARGIN_SECONDS:
            status = self._call("guest-exec-status", {"pid": pid})
            if status["exited"]:
                code = self._exit_status(status, command)
                if code in OVERDUE and time.monotonic() >= begin + timeout:
                    raise late
                return ExecResult(code, _text(status.get("out-data")), _text(status.get("err-data")))
            time.sleep(_pause(time.monotonic() - begin))
        # timeout(1) did not end it, or the command waits for a device and ends when it wakes up.
        self._start(["sh", "-c", f"kill -KILL -- -{pid} || kill -KILL {pid}"])
        raise late

    def _start(self, command: Sequence[str]) -> int:
        """Start a command as root, and return its process id."""
        arguments = {"path": command[0], "arg": list(command[1:]), "capture-output": True}
        return int(self._call("guest-exec", arguments)["pid"])

    def _exit_status(self, status: dict[str, Any], command: Sequence[str]) -> int:
        """Return the exit code, or the negative signal number; the agent may have neither."""
        if "exitcode" in status:
            return int(status["exitcode"])
        if signal := int(status.get("signal", 0)):
            return -signal
        raise Unreachable(f"{' '.join(command)} has ended, and the guest agent has no exit status", where=self._where)

    def write(self, path: str, text: str) -> tuple[float, float]:
        """Write into a file or device of the guest, without starting a program.

        Args:
            path: the file.
            text: written in one piece.

        Returns:
            Two times of this host's monotonic clock, in seconds; the guest wrote between them.

        Raises:
            Unreachable: the agent stopped answering, or cannot write there.
        """
        handle = self._call("guest-file-open", {"path": path, "mode": "w"})
        try:
            self._call("guest-file-write", {"handle": handle, "buf-b64": base64.b64encode(text.encode()).decode()})
            before = time.monotonic()
            self._call("guest-file-flush", {"handle": handle})  # until then the agent keeps it
            return before, time.monotonic()
        finally:
            self._call("guest-file-close", {"handle": handle})

    def read_file(self, path: str) -> Iterator[bytes]:
        """Return the content of a file of the guest, in pieces.

        Args:
            path: the file.

        Raises:
            Unreachable: the agent stopped answering, or cannot read it.
        """
        handle = self._call("guest-file-open", {"path": path, "mode": "r"})
        try:
            ended = False
            while not ended:
                answer = self._call("guest-file-read", {"handle": handle, "count": PIECE_BYTES})
                ended = answer["eof"]
                yield base64.b64decode(answer["buf-b64"])
        finally:
            self._call("guest-file-close", {"handle": handle})

    def write_file(self, path: str, pieces: Iterable[bytes]) -> None:
        """Write a file of the guest, and replace its content.

        Args:
            path: the file.
            pieces: its content.

        Raises:
            Unreachable: the agent stopped answering, or cannot write it.
        """
        handle = self._call("guest-file-open", {"path": path, "mode": "w"})
        try:
            for piece in pieces:
                rest = piece
                while rest:
                    encoded = base64.b64encode(rest).decode()
                    rest = rest[self._call("guest-file-write", {"handle": handle, "buf-b64": encoded})["count"] :]
            self._call("guest-file-flush", {"handle": handle})
        finally:
            self._call("guest-file-close", {"handle": handle})

    def _sync(self) -> None:
        token = secrets.randbelow(1 << 31)
        self._send("guest-sync-delimited", {"id": token})
        # The answer follows a 0xFF byte. Data before it answers another client.
        while True:
            line = self._line()
            if json.loads(line.rpartition(b"\xff")[2]).get("return") == token:
                return

    def _call(self, command: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - each command answers in its own way
        try:
            self._send(command, arguments)
            answer = json.loads(self._line())
        except (OSError, ValueError) as error:
            raise Unreachable(f"the guest agent stopped answering ({error})", where=self._where) from None
        if "error" in answer:
            raise Unreachable(f"{command}: {answer['error']['desc']}", where=self._where)
        return answer["return"]

    def _send(self, command: str, arguments: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def _line(self) -> bytes:
        line: bytes = self._reader.readline()
        if not line:
            raise ConnectionResetError("connection closed")
        return line


def _pause(seconds: float) -> float:
    """How long to wait before a command that runs for so long is asked for again: a fifth of that."""
    return min(max(POLL_SECONDS, seconds / 5), POLL_AT_MOST_SECONDS)


def _text(data: str | None) -> str:
    return base64.b64decode(data).decode(errors="replace") if data else ""
