"""The drive that holds the configuration of a guest, written by the launcher's own code."""

from __future__ import annotations

import importlib
import sys
import tarfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tarfile.TarInfo]:
    """The members of a drive whose node has a secret and a file of its own."""
    files = tmp_path / "guest"
    (files / "etc").mkdir(parents=True)
    (files / "etc/resolv.conf").write_text("nameserver 169.254.77.1\n")
    (tmp_path / "secrets.env").write_text("CARP_PASSWORD=secret\n")
    monkeypatch.syspath_prepend(str(ROOT / "images/vm"))
    disks = importlib.import_module("launcher.disks")
    try:
        monkeypatch.setattr(disks, "CONFIGURATION", tmp_path / "drive.tar")
        monkeypatch.setattr(disks, "SECRETS", tmp_path / "secrets.env")
        monkeypatch.setattr(disks, "FILES", files)
        written = disks.configuration({"NODE": "lb1"}, [])
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "launcher"]:
            del sys.modules[name]
    with tarfile.open(written) as archive:
        return archive.getmembers()


def test_every_member_has_the_time_of_this_start(drive: list[tarfile.TarInfo]) -> None:
    assert [member.name for member in drive] == ["node.env", "secrets.env", "etc/resolv.conf"]
    # A resolver that starts with time 0 and reads what has another would never read a file of time 0.
    assert all(abs(member.mtime - time.time()) < 60 for member in drive)
