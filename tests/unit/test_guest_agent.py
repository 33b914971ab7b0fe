"""The guest agent's client, against a scripted agent on a real socket."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.machines.guest_agent import GuestAgent, _pause
from testbed.machines.machine import Unreachable

Handler = Callable[[dict[str, Any]], dict[str, Any] | None]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[[Handler, bytes], Path]]:
    """Starts an agent that answers by a handler, after some bytes left over from an earlier client."""
    threads: list[threading.Thread] = []
    servers: list[socket.socket] = []

    def start(handler: Handler, leftovers: bytes = b"") -> Path:
        path = tmp_path / "agent.sock"
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(path))
        server.listen()
        servers.append(server)

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(leftovers)
                for line in lines:
                    request = json.loads(line)
                    if request["execute"] == "guest-sync-delimited":
                        answer: Any = {"return": request["arguments"]["id"]}
                        connection.sendall(b"\xff" + json.dumps(answer).encode() + b"\n")
                        continue
                    answer = handler(request)
                    if answer is None:
                        return
                    connection.sendall(json.dumps(answer).encode() + b"\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        threads.append(thread)
        return path

    yield start
    for server in servers:
        server.close()
    for thread in threads:
        thread.join(5)


def runs(status: dict[str, Any], polls: int = 0) -> Handler:
    waiting = [{"exited": False}] * polls

    def handler(request: dict[str, Any]) -> dict[str, Any]:
        if request["execute"] == "guest-exec":
            return {"return": {"pid": 7}}
        return {"return": waiting.pop() if waiting else status}

    return handler


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_status_and_output_of_a_command(agent: Callable[..., Path]) -> None:
    status = {"exited": True, "exitcode": 3, "out-data": encoded("tätig\n"), "err-data": encoded("oops")}
    with GuestAgent(agent(runs(status, polls=3)), "db1") as guest:
        result = guest.exec(["false"], timeout=5)
    assert (result.status, result.stdout, result.stderr) == (3, "tätig\n", "oops")


def test_answers_meant_for_an_earlier_client_are_skipped(agent: Callable[..., Path]) -> None:
    leftovers = b'{"return": {"pid": 99}}\n{"return": '
    with GuestAgent(agent(runs({"exited": True, "exitcode": 0}), leftovers), "db1") as guest:
        assert guest.exec(["true"], timeout=5).status == 0


def test_a_killed_command_has_a_negative_status(agent: Callable[..., Path]) -> None:
    with GuestAgent(agent(runs({"exited": True, "signal": 9})), "db1") as guest:
        assert guest.exec(["sleep"], timeout=5).status == -9


def test_a_command_without_an_exit_status_is_no_success(agent: Callable[..., Path]) -> None:
    with (
        GuestAgent(agent(runs({"exited": True})), "db1") as guest,
        pytest.raises(Unreachable, match="db1: true has ended, and the guest agent has no exit status"),
    ):
        guest.exec(["true"], timeout=5)


def test_the_guest_itself_keeps_the_limit(agent: Callable[..., Path]) -> None:
    asked: list[dict[str, Any]] = []

    def handler(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request)
        return runs({"exited": True, "exitcode": 0})(request) or {}

    with GuestAgent(agent(handler), "db1") as guest:
        guest.exec(["sleep", "9"], timeout=30)
    started = asked[0]["arguments"]
    assert [started["path"], *started["arg"]] == ["timeout", "-k", "2", "30", "sleep", "9"]


@pytest.mark.parametrize("status", [{"exitcode": 124}, {"exitcode": 137}, {"signal": 9}], ids=str)
def test_a_command_that_does_not_end(status: dict[str, int], agent: Callable[..., Path]) -> None:
    with (
        GuestAgent(agent(runs({"exited": True, **status}, polls=12)), "db1") as guest,
        pytest.raises(Unreachable, match=r"db1: sleep 9 did not end within 0\.1 s"),
    ):
        guest.exec(["sleep", "9"], timeout=0.1)


def test_a_status_of_124_in_time_is_the_commands_own(agent: Callable[..., Path]) -> None:
    with GuestAgent(agent(runs({"exited": True, "exitcode": 124})), "db1") as guest:
        assert guest.exec(["timeout", "1", "sleep", "9"], timeout=5).status == 124


def test_a_command_whose_limit_did_not_end_it_is_killed(
    agent: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def handler(request: dict[str, Any]) -> dict[str, Any]:
        if request["execute"] == "guest-exec":
            started.append(" ".join(request["arguments"]["arg"]))
        return runs({"exited": False})(request) or {}

    monkeypatch.setattr("testbed.machines.guest_agent.KILL_SECONDS", 0.0)
    monkeypatch.setattr("testbed.machines.guest_agent.MARGIN_SECONDS", 0.1)
    with GuestAgent(agent(handler), "db1") as guest, pytest.raises(Unreachable, match="did not end"):
        guest.exec(["sleep", "9"], timeout=0.1)
    assert started[-1] == "-c kill -KILL -- -7 || kill -KILL 7"


def test_a_refusal_to_start_a_program_is_reported(agent: Callable[..., Path]) -> None:
    def handler(request: dict[str, Any]) -> dict[str, Any]:
        return {"error": {"class": "GenericError", "desc": f"no {request['arguments']['path']}"}}

    with GuestAgent(agent(handler), "db1") as guest, pytest.raises(Unreachable, match="no timeout"):
        guest.exec(["nope"], timeout=1)


def test_power_lost_in_the_middle(agent: Callable[..., Path]) -> None:
    with GuestAgent(agent(lambda _: None), "db1") as guest, pytest.raises(Unreachable, match="stopped answering"):
        guest.exec(["true"], timeout=1)


def test_a_missing_agent_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="db1: the guest agent does not answer"), GuestAgent(tmp_path / "x", "db1"):
        pass


def test_a_file_is_read_in_pieces(agent: Callable[..., Path]) -> None:
    content = b"hello guest"
    place = 0

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        nonlocal place
        if request["execute"] != "guest-file-read":
            return {"return": 7 if request["execute"] == "guest-file-open" else {}}
        piece = content[place : place + 4]
        place += 4
        return {"return": {"buf-b64": base64.b64encode(piece).decode(), "eof": place >= len(content)}}

    with GuestAgent(agent(handle), "db1") as guest:
        assert b"".join(guest.read_file("/etc/motd")) == content


def test_a_file_is_written_completely_in_several_parts(agent: Callable[..., Path]) -> None:
    written = bytearray()
    asked: list[str] = []

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request["execute"])
        if request["execute"] != "guest-file-write":
            return {"return": 7 if request["execute"] == "guest-file-open" else {}}
        taken = base64.b64decode(request["arguments"]["buf-b64"])[:3]
        written.extend(taken)
        return {"return": {"count": len(taken), "eof": False}}

    with GuestAgent(agent(handle), "db1") as guest:
        guest.write_file("/tmp/x", [b"hello ", b"", b"guest"])  # noqa: S108
    assert bytes(written) == b"hello guest"
    assert asked[-2:] == ["guest-file-flush", "guest-file-close"]


def test_a_file_that_cannot_be_opened_is_an_error(agent: Callable[..., Path]) -> None:
    refusal = {"error": {"desc": "failed to open file '/nowhere'"}}
    with GuestAgent(agent(lambda _: refusal), "db1") as guest, pytest.raises(Unreachable, match="failed to open file"):
        list(guest.read_file("/nowhere"))


def test_a_command_is_asked_for_soon_at_first_and_ever_less_often() -> None:
    pauses = [_pause(seconds) for seconds in (0.0, 0.1, 0.5, 60.0)]
    assert pauses == pytest.approx([0.01, 0.02, 0.1, 0.25])
