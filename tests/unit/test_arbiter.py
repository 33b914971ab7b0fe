"""The arbiter's rules, its memory, and its proof that a machine is off, against a stand-in for QEMU's monitor."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import TextIO

import pytest

from arbiter import memory, power
from arbiter.rules import Memory, Request, after, refusal


def asked(decided: Memory, verb: str, node: str, generation: int = -1) -> tuple[str, Memory]:
    """What is refused, and what is remembered then."""
    request = Request(verb, node, generation)
    reason = refusal(decided, request)
    return reason, decided if reason else after(decided, request)


@pytest.mark.parametrize("verb", ["inherit", "take", "keep"])
def test_who_has_old_data_is_refused_for_ever(verb: str) -> None:
    reason, decided = asked(Memory("db1", 7), verb, "db2")
    assert reason == "db1 has newer data"
    assert decided == Memory("db1", 7)


@pytest.mark.parametrize("verb", ["inherit", "take", "keep"])
@pytest.mark.parametrize("alone", ["", "db2"])
def test_who_has_the_newest_data_may_go_on_alone(verb: str, alone: str) -> None:
    assert asked(Memory(alone, 7), verb, "db2") == ("", Memory("db2", 8))


def test_both_may_again_once_both_are_whole() -> None:
    reason, decided = asked(Memory("db1", 7), "whole", "db1", 7)
    assert (reason, decided) == ("", Memory("", 8))
    assert asked(decided, "take", "db2") == ("", Memory("db2", 9))


def test_a_report_of_wholeness_that_comes_too_late_is_void() -> None:
    """It was sent before DRBD lost its peer again: believing it would give the other one old data to serve."""
    _, decided = asked(Memory("db1", 7), "keep", "db1")
    assert asked(decided, "whole", "db1", 7) == ("generation is 8", Memory("db1", 8))


def test_only_what_was_granted_last_is_confirmed() -> None:
    _, decided = asked(Memory("", 3), "take", "db2")
    assert asked(decided, "confirm", "db2", 4) == ("", decided)
    assert asked(decided, "confirm", "db2", 3)[0]
    assert asked(decided, "confirm", "db1", 4)[0]
    _, later = asked(decided, "whole", "db2", 4)
    assert asked(later, "confirm", "db2", 4)[0]


def test_the_memory_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    assert memory.load(path) == Memory()
    memory.store(path, Memory("db2", 5))
    assert memory.load(path) == Memory("db2", 5)
    path.write_text("")
    with pytest.raises(ValueError, match="Expecting value"):
        memory.load(path)


class StandIn:
    """Answers as QEMU's monitor does, and records its orders."""

    def __init__(self, path: Path, *, running: bool, resets: bool = True) -> None:
        self.orders: list[str] = []
        self.settled = threading.Event()
        self._running, self._resets = running, resets
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._thread.join(5)
        self._door.close()

    def _serve(self) -> None:
        wire, _ = self._door.accept()
        with contextlib.suppress(OSError), wire, wire.makefile("rw") as lines:
            self._converse(lines)

    def _converse(self, lines: TextIO) -> None:
        self._send(lines, {"QMP": {}})
        for line in lines:
            order = json.loads(line)
            self.orders.append(" ".join([order["execute"], *order["arguments"].values()]))
            self._send(lines, {"return": {"running": self._running} if order["execute"] == "query-status" else {}})
            if order["execute"] == "system_reset" and self._resets:
                for _ in range(2):
                    self._send(lines, {"event": "RESET"})
            if order["arguments"].get("reboot") == "shutdown":
                self.settled.set()

    @staticmethod
    def _send(lines: TextIO, message: dict[str, object]) -> None:
        lines.write(json.dumps(message) + "\n")
        lines.flush()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "power.sock"


def test_a_machine_without_qemu_is_off(path: Path) -> None:
    assert power.prove_off(path, cut=False) == "off"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    assert power.prove_off(path, cut=True) == "off"


def test_a_machine_that_runs_is_left_alone_unless_it_shall_be_cut(path: Path) -> None:
    qemu = StandIn(path, running=True)
    with pytest.raises(power.NotProved, match="it runs"):
        power.prove_off(path, cut=False)
    qemu.close()
    assert "system_reset" not in qemu.orders


@pytest.mark.parametrize("running", [True, False])
def test_a_node_whose_power_is_cut_is_reset_even_when_it_hung(path: Path, *, running: bool) -> None:
    qemu = StandIn(path, running=running)
    assert power.prove_off(path, cut=True) == "reset"
    assert qemu.settled.wait(5)
    qemu.close()
    assert qemu.orders.index("set-action reset") < qemu.orders.index("system_reset")
    assert ("cont" in qemu.orders) is not running


def test_a_machine_whose_monitor_is_silent_is_not_proved_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "ANSWER_SECONDS", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen(1)
        with pytest.raises(power.NotProved, match="does not answer"):
            power.prove_off(path, cut=True)


def test_a_machine_that_is_not_seen_to_be_reset_is_not_proved_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "ANSWER_SECONDS", 0.2)
    qemu = StandIn(path, running=True, resets=False)
    with pytest.raises(power.NotProved):
        power.prove_off(path, cut=True)
    qemu.close()
