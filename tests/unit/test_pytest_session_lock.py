"""The session lock of the pytest plugin: tests wait for the process that holds the cluster, workers for each other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from holding import holder

from testbed.cluster.lock import Use
from testbed.wait import elapse

MANY = """
import os, time
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number, testbed_lock):
    with Path("log").open("a") as log:
        print("begins", os.getpid(), number, file=log, flush=True)
        time.sleep(0.2)
        print("ends", os.getpid(), number, file=log, flush=True)

@pytest.mark.parametrize("number", range(6))
def test_without_the_cluster(number):
    pass
"""
CHILD = """
import subprocess, sys
from testbed import settings
from testbed.cluster.lock import Use, hold

def test_its_commands_work_under_its_lock(testbed_lock):
    code = "from testbed import settings; from testbed.cluster.lock import Use, hold\\\\n"
    code += "with hold(settings.load(), Use.EXCLUSIVE): print('works')"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "works\\\\n"
""".replace("\\\\n", "\\n")


@contextmanager
def pytest_in(folder: Path, text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A session of pytest on one file of tests, with a state folder of its own."""
    (folder / "test_mine.py").write_text(text)
    environment = {**os.environ, "TESTBED_STATE": str(folder / "state")}
    environment.pop("PYTHONUNBUFFERED", None)  # the user's shell does not set it
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, "test_mine.py"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def output(process: subprocess.Popen[str], status: int = 0) -> str:
    text, _ = process.communicate(timeout=120)
    assert process.returncode == status, text
    return text


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.mark.parametrize("how", ["load", "worksteal"])
def test_workers_of_xdist_take_turns(tmp_path: Path, how: str) -> None:
    with pytest_in(tmp_path, MANY, "-n", "2", "--dist", how) as session:
        assert "12 passed" in output(session)
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    assert len(pairs) == 6
    for begins, ends in pairs:
        assert (begins[0], ends[0]) == ("begins", "ends")
        assert begins[1:] == ends[1:]


def test_a_test_waits_for_the_holder_and_its_time_limit_does_not_count_that(tmp_path: Path, state: Path) -> None:
    with (
        holder(state, Use.EXCLUSIVE, "testbed run x") as other,
        pytest_in(tmp_path, MANY, "--timeout", "6", "-k", "test_it") as session,
    ):
        assert session.stdout
        line = ""
        while "waiting up to" not in line:
            line = session.stdout.readline()
            assert line, "the session ended"
        assert f"`testbed run x` (process {other.pid}" in line
        elapse(7)  # longer than the time limit
        other.kill()
        assert "6 passed" in output(session)


def test_when_the_patience_is_over_the_tests_fail_with_the_holder_s_name_and_the_others_pass(
    tmp_path: Path, state: Path
) -> None:
    with (
        holder(state, Use.LOAD, "testbed load") as other,
        pytest_in(tmp_path, MANY, "-n", "2", "--testbed-wait", "0s") as session,
    ):
        text = output(session, status=1)
    assert "6 passed, 6 errors" in text
    assert f"`testbed load` (process {other.pid}" in text
    assert "Traceback" not in text


def test_what_a_test_starts_works_under_the_session_s_lock(tmp_path: Path) -> None:
    with pytest_in(tmp_path, CHILD) as session:
        assert "1 passed" in output(session)


def test_a_state_folder_that_cannot_be_made_fails_the_tests_and_not_the_session(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, and no folder")
    with pytest_in(tmp_path, MANY) as session:
        text = output(session, status=1)
    assert "6 passed, 6 errors" in text
    assert "INTERNALERROR" not in text
