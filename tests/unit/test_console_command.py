"""``testbed console`` says what is to be found there."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from testbed.cli import console as command
from testbed.machines.linux import Linux
from testbed.machines.openbsd_system import OpenBSD
from testbed.machines.systems import System


@pytest.mark.parametrize(
    ("system", "description"),
    [
        (Linux(), "a root shell;"),
        (OpenBSD(), "its messages, and a login prompt that accepts no user (root has no password);"),
    ],
)
def test_the_first_line_describes_the_console(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    system: System,
    description: str,
) -> None:
    path = tmp_path / "console.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        machine = SimpleNamespace(console=lambda: path, system=system)
        monkeypatch.setattr(command, "Cluster", lambda: SimpleNamespace(machine=lambda _: machine))
        monkeypatch.setattr(command, "_attach", lambda _: None)
        command.console("lb1")
    assert f"console of lb1: {description}" in " ".join(capsys.readouterr().err.split())
