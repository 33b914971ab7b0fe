"""Which containers root enters by nsenter(1): only those whose first process this host's kernel knows as theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.machines import host_entry

CONTAINER = "3f" * 32


@pytest.fixture
def proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host's process 7, which root may look at."""
    monkeypatch.setattr(host_entry, "PROC", tmp_path)
    monkeypatch.setattr(host_entry, "can_run_host_programs", lambda: True)
    (tmp_path / "7").mkdir()
    return tmp_path / "7"


@pytest.mark.parametrize(
    "cgroup",
    [
        f"12:cpu,cpuacct:/docker/{CONTAINER}\n1:name=systemd:/docker/{CONTAINER}\n",
        f"0::/system.slice/docker-{CONTAINER}.scope\n",
    ],
    ids=["cgroup v1", "cgroup v2"],
)
def test_a_container_of_this_host_can_be_entered(proc: Path, cgroup: str) -> None:
    (proc / "cgroup").write_text(cgroup)
    assert host_entry.can_enter(CONTAINER, 7)


def test_another_process_with_that_number_is_not_entered(proc: Path) -> None:
    (proc / "cgroup").write_text("0::/user.slice\n")
    assert not host_entry.can_enter(CONTAINER, 7)


@pytest.mark.parametrize("pid", [0, 8], ids=["it is off", "it has just ended"])
def test_a_container_without_a_process_is_not_entered(proc: Path, pid: int) -> None:
    (proc / "cgroup").write_text(f"0::/docker/{CONTAINER}\n")
    assert not host_entry.can_enter(CONTAINER, pid)


def test_without_root_no_container_is_entered(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (proc / "cgroup").write_text(f"0::/docker/{CONTAINER}\n")
    monkeypatch.setattr(host_entry, "can_run_host_programs", lambda: False)
    assert not host_entry.can_enter(CONTAINER, 7)
