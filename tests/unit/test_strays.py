"""Processes that a run which was killed leaves on the client: ended by the next `testbed heal`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import SimpleNamespace
from typing import cast

import pytest

from testbed.cluster import unrecorded_faults
from testbed.host import process_identity
from testbed.machines import ExecResult, Machine
from testbed.topology import Role
from testbed.wait import wait_until


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a program that bears an owner, or none; it ends with the test."""
    with ExitStack() as stack:

        def begin(owner: str = "") -> subprocess.Popen[bytes]:
            environment = os.environ | ({unrecorded_faults.OWNER: owner} if owner else {})
            process = stack.enter_context(subprocess.Popen(["/bin/sleep", "60"], env=environment))
            stack.callback(process.kill)
            return process

        yield begin


def client(*seen: subprocess.Popen[bytes]) -> Machine:
    """A client on which only these processes run."""

    def execute(command: Sequence[str], **_: object) -> ExecResult:
        script = command[-1].replace("/proc/[0-9]*", " ".join(f"/proc/{each.pid}" for each in seen))
        result = subprocess.run([*command[:-1], script], capture_output=True, text=True, check=False)
        return ExecResult(result.returncode, result.stdout, result.stderr)

    return cast(
        "Machine", SimpleNamespace(name="client", node=SimpleNamespace(role=Role.CLIENT), look=execute, exec=execute)
    )


def test_what_a_killed_run_left_is_ended_and_what_belongs_to_a_live_run_or_to_none_goes_on(
    start: Callable[..., subprocess.Popen[bytes]],
) -> None:
    run = start()
    owner = process_identity.identify(run.pid)
    of_the_run, of_another, by_hand = start(owner), start(process_identity.identify()), start()
    machine = client(of_the_run, of_another, by_hand)
    assert not list(unrecorded_faults._strays(machine))
    run.kill()
    run.wait(10)
    assert list(unrecorded_faults._strays(machine)) == ["client: ended 1 processes of a run that was killed"]
    assert of_the_run.wait(10) == -9
    assert (of_another.poll(), by_hand.poll()) == (None, None)


def test_a_number_that_another_process_has_by_now_is_not_the_run(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    other = start()
    assert process_identity.is_running(process_identity.identify(other.pid))
    assert not process_identity.is_running(f"{other.pid}-1")
    assert not process_identity.is_running("")
    other.kill()
    wait_until(lambda: not process_identity.identify(other.pid), 10, "its end")
