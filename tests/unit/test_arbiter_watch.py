"""The arbiter's report that a machine has lost its power, against a socket that QEMU would have open."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from arbiter import __main__ as at_work
from arbiter import watch
from testbed.wait import wait_until

SECRET = "s3cret"
WAITING = 2


def qemu(path: Path) -> socket.socket:
    """A machine with power: QEMU's socket, to which anybody may connect."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    door.listen(4)
    return door


@pytest.fixture
def waiting() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def sockets(path: Path) -> int:
    """How many sockets of this name the kernel has (proc_net_unix(5)): the machine's, and one for each client."""
    return sum(line.endswith(f" {path}") for line in Path("/proc/net/unix").read_text().splitlines())


def wait_for(pool: ThreadPoolExecutor, path: Path, seconds: float = 20.0) -> Future[bool]:
    return pool.submit(watch.lost_power, path, seconds)


@pytest.mark.parametrize("let_in", [True, False])
def test_a_machine_that_ends_has_lost_its_power(path: Path, waiting: ThreadPoolExecutor, *, let_in: bool) -> None:
    """QEMU lets one client in at a time; the kernel closes the sockets of those that wait as well."""
    machine = qemu(path)
    report = wait_for(waiting, path)
    with contextlib.ExitStack() as stack:
        if let_in:
            stack.enter_context(machine.accept()[0])
        else:
            wait_until(lambda: sockets(path) == WAITING, 10, "the report's connection")
        assert not report.done()
    machine.close()
    path.unlink()
    assert report.result(10)


def test_a_machine_that_runs_on_has_its_power(path: Path) -> None:
    with qemu(path):
        assert not watch.lost_power(path, 0.3)


def test_a_machine_without_power_has_lost_none(path: Path) -> None:
    assert not watch.lost_power(path, 0.3)


def test_a_machine_that_comes_and_goes_has_lost_its_power(path: Path, waiting: ThreadPoolExecutor) -> None:
    report = wait_for(waiting, path)
    machine = qemu(path)
    machine.accept()[0].close()
    machine.close()
    assert report.result(10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "db1"
    folder.mkdir()
    return folder / "watch.sock"


@pytest.fixture
def arbiter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> at_work.Arbiter:
    """It waits no longer than a moment."""
    monkeypatch.setattr(at_work, "AWAIT_SECONDS", 0.3)
    machines = {name: tmp_path / name / "power.sock" for name in ("db1", "db2")}
    return at_work.Arbiter(tmp_path / "memory.json", machines, SECRET)


def test_the_peer_of_the_asker_is_watched(
    arbiter: at_work.Arbiter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = qemu(path)
    assert arbiter.answer(f"{SECRET} await db1") == "on"
    assert arbiter.answer(f"{SECRET} await db2") == "on"
    monkeypatch.setattr(at_work, "AWAIT_SECONDS", 20.0)
    threading.Timer(0.1, machine.close).start()
    assert arbiter.answer(f"{SECRET} await db2") == "off"


@pytest.mark.parametrize("question", [f"{SECRET} await", f"{SECRET} await db3", f"{SECRET} await db1 db2"])
def test_a_question_without_one_node_is_not_understood(arbiter: at_work.Arbiter, question: str) -> None:
    assert arbiter.answer(question) == "refused not understood"


def test_who_does_not_know_the_secret_gets_no_answer(arbiter: at_work.Arbiter) -> None:
    assert arbiter.answer("guessed await db1") == "refused wrong secret"


def test_decisions_are_made_while_somebody_waits(arbiter: at_work.Arbiter, waiting: ThreadPoolExecutor) -> None:
    report = waiting.submit(arbiter.answer, f"{SECRET} await db2")
    assert arbiter.answer(f"{SECRET} keep db1") == "granted 1"
    assert report.result(10) == "on"
