"""The node's `supervisor` on a real terminal line, with this host's Perl; the system below it is not OpenBSD."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.journal import ClockSample
from testbed.recorder.nodes import Listener
from testbed.topology import Role
from testbed.wait import wait_until

ROOT = Path(__file__).parents[2]
SUPERVISOR = ROOT / "images/openbsd/site/usr/local/libexec/testbed/supervisor"
SECONDS = 15.0


class Line:
    """The host's end of the serial line.

    Args:
        descriptor: of the terminal's master.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._text = ""
        os.set_blocking(descriptor, False)

    def heard(self) -> list[str]:
        """All whole lines so far; asking for the time is answered as the launcher does."""
        try:
            new = os.read(self._descriptor, 65536).decode()
        except BlockingIOError:
            new = ""
        for _ in range(new.count("clock?\n")):
            os.write(self._descriptor, f"{time.time():.6f}\n".encode())
        self._text += new
        return self._text.split("\n")[:-1]

    def wait_for(self, pattern: str, count: int = 1) -> list[str]:
        """Wait until so many lines match, and return them."""
        found: list[str] = []

        def enough() -> bool:
            found[:] = [line for line in self.heard() if re.search(pattern, line)]
            return len(found) >= count

        wait_until(enough, SECONDS, f"{count} lines like {pattern}", interval=0.02, describe=self.heard)
        return found


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    yield from running(tmp_path)


def running(folder: Path) -> Iterator[Line]:
    """A supervisor with three commands: one that says a line and goes on, one that ends, one that is not there."""
    master, slave = pty.openpty()
    commands = ["sh -c 'echo event=pool-changed members=; echo oops >&2; exec sleep 60'", "echo short", "/nonexistent"]
    environment = {**os.environ, "NODE": "lb1", "SUPERVISOR_MARK": str(folder / "booted")}
    process = subprocess.Popen(["perl", SUPERVISOR, os.ttyname(slave), *commands], env=environment)
    os.close(slave)
    try:
        yield Line(master)
    finally:
        process.terminate()
        assert process.wait(SECONDS) == 0
        os.close(master)


def test_what_its_programs_print_arrives_line_by_line(line: Line) -> None:
    assert line.wait_for("event=pool-changed") == ["event=pool-changed members="]
    assert line.wait_for("oops") == ["oops"]
    assert line.wait_for("event=booted") == [next(each for each in line.heard() if "booted" in each)]


def test_what_ends_is_started_again(line: Line) -> None:
    assert set(line.wait_for("^short$", 3)) == {"short"}
    assert "supervisor: echo short ended with status 0" in line.heard()
    assert line.wait_for("nonexistent ended with status 127")


def test_the_recorder_knows_the_clock_by_it(line: Line) -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()
    line.wait_for("event=clock-told")
    listener = Listener("lb1", Role.BALANCER, guest=True)
    offset = time.time() - time.monotonic()
    now = time.monotonic()
    events = [event for text in line.heard() for event in listener.line(text, now, offset)]
    [sample] = [event for event in events if isinstance(event, ClockSample)]
    # This host's own clock, read through the line: the difference of the two is known.
    assert sample.before - 0.05 <= before[1] + sample.guest - before[0] <= sample.after + 0.05
    assert listener.clock.known


def test_only_the_first_question_of_a_boot_begins_a_clock(tmp_path: Path) -> None:
    for expected in ("", " again=yes"):
        for line in running(tmp_path):
            [asked] = line.wait_for("event=clock-asked")
            assert re.fullmatch(rf"event=clock-asked{expected} up=\d+\.\d+", asked)
            line.wait_for("event=clock-told")


def test_whoever_looks_for_a_program_by_its_command_line_does_not_find_the_supervisor(tmp_path: Path) -> None:
    for line in running(tmp_path):
        line.wait_for("event=pool-changed")
        found = subprocess.run(
            ["pgrep", "-f", "-a", "sleep 60|^supervisor"], capture_output=True, text=True, check=True
        )
        commands = {text.split(" ", 1)[1] for text in found.stdout.splitlines()}
        assert "supervisor" in commands
        assert not [command for command in commands if "supervisor" in command and "sleep" in command]
