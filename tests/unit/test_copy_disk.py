"""A copy of a running node's disk: QEMU's job is ended, even that of an earlier process, and even after a failure."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes import topology

from testbed.errors import TestbedError
from testbed.machines import Power
from testbed.machines.virtual import COPY, VirtualMachine


class Copying(VirtualMachine):
    """A machine whose QEMU has one job at most, which ends when it is asked after.

    Args:
        status: of a job that somebody has left.
        error: what the next job comes to.
    """

    def __init__(self, status: str = "", error: str = "") -> None:
        super().__init__("db1", topology().nodes["db1"], cast("Any", SimpleNamespace()), Path("/nowhere"))
        self.status, self.error = status, error
        self.done: list[str] = []

    def _qmp(self, command: str, arguments: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        if command == "query-jobs":
            job = {"id": COPY, "status": self.status, **({"error": self.error} if self.error else {})}
            found = [job] if self.status else []
            self.status = self.status and "concluded"
            return found
        assert (arguments or {}).get("job-id", (arguments or {}).get("id")) == COPY
        self.done.append(command)
        if command == "drive-backup":
            assert not self.status, "QEMU makes no other job of that name"
            self.status = "running"
        if command == "job-dismiss":
            self.status = ""
        return {}

    def exec_in_container(self, command: Any, timeout: float = 30) -> Any:  # noqa: ANN401, ARG002
        self.done.append(command[0])

    def power(self) -> Power:
        return Power.ON

    def _fetch(self, path: str, target: Path) -> None:  # noqa: ARG002
        self.done.append("fetch")


def test_a_copy_is_fetched_and_forgotten() -> None:
    machine = Copying()
    machine.copy_disk(1, Path("/nowhere/copy"))
    assert machine.done == ["drive-backup", "fetch", "job-dismiss", "rm"]


@pytest.mark.parametrize("left", ["running", "concluded"])
def test_a_job_that_a_killed_command_left_is_ended_first(left: str) -> None:
    machine = Copying(left)
    machine.copy_disk(1, Path("/nowhere/copy"))
    assert machine.done[-4:] == ["drive-backup", "fetch", "job-dismiss", "rm"]
    assert "job-dismiss" in machine.done[:-4]


def test_a_copy_that_fails_is_forgotten_too() -> None:
    machine = Copying(error="No space left on device")
    with pytest.raises(TestbedError, match="db1: its disk cannot be copied: No space left on device"):
        machine.copy_disk(1, Path("/nowhere/copy"))
    assert machine.done == ["drive-backup", "job-dismiss", "rm"]
