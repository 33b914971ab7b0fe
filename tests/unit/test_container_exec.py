"""A command's output through the engine's API, when all of it comes in one piece with the answer's headers."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest
from docker import APIClient
from docker.errors import APIError
from requests import RequestException

from testbed.machines.container_exec import FRAME, demultiplex, execute

REFUSED = "container is paused"


def frame(stream: int, text: bytes) -> bytes:
    return FRAME.pack(stream, len(text)) + text


class Engine(threading.Thread):
    """Answers on a Unix socket as Docker does, each answer in one piece; then the connection ends."""

    def __init__(self, path: Path, output: bytes | None, statuses: list[int | None]) -> None:
        super().__init__(daemon=True)
        self._output = output
        self._statuses = statuses
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(65536)
                connection.sendall(self._answer(request.split()[1].decode()))

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.join(5)

    def _answer(self, path: str) -> bytes:
        if path.endswith("/start"):
            if self._output is None:
                return _whole(409, {"message": REFUSED})
            return b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n" + self._output
        if not path.endswith("/json"):
            return _whole(200, {"Id": "e1"})
        return _whole(200, {"ExitCode": self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]})


def _whole(status: int, answer: dict[str, object]) -> bytes:
    body = json.dumps(answer).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def executed(folder: Path, output: bytes | None, *statuses: int | None) -> tuple[int, str, str]:
    place = folder / "docker.sock"
    engine = Engine(place, output, list(statuses) or [3])
    api = APIClient(base_url=f"unix://{place}", version="1.41")
    try:
        result = execute(api, "c1", ["node-state"], timeout=5)
    finally:
        api.close()
        engine.close()
    return result.status, result.stdout, result.stderr


def test_nothing_is_lost_of_what_comes_with_the_headers(tmp_path: Path) -> None:
    output = frame(1, b"== first\n") + frame(2, b"a warning") + frame(1, b"<manager/>\n")
    assert executed(tmp_path, output) == (3, "== first\n<manager/>\n", "a warning")


def test_silence_is_no_output(tmp_path: Path) -> None:
    assert executed(tmp_path, b"") == (3, "", "")


def test_a_status_that_the_engine_records_late_is_waited_for(tmp_path: Path) -> None:
    assert executed(tmp_path, b"", None, None, 7) == (7, "", "")


def test_a_command_without_an_exit_status_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.machines.container_exec.STATUS_SECONDS", 0.2)
    with pytest.raises(RequestException, match="whether the command ran is unknown"):
        executed(tmp_path, frame(1, b"half of the output"), None)


def test_a_refusal_quotes_the_engine(tmp_path: Path) -> None:
    with pytest.raises(APIError, match=REFUSED):
        executed(tmp_path, None)


@pytest.mark.parametrize("broken", [b"\1\0\0", frame(1, b"half of it")[:-3], frame(60, b"no stream")])
def test_an_answer_that_is_cut_off_is_no_answer(broken: bytes) -> None:
    with pytest.raises(RequestException, match="within a frame"):
        demultiplex(frame(1, b"whole") + broken)
