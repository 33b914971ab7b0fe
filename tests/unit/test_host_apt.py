from __future__ import annotations

from pathlib import Path

import pytest

from testbed.errors import UsageError
from testbed.host import apt


def test_a_foreign_source_is_tied_to_debians_keys() -> None:
    entry = apt.source_entry("trixie", "http://mirror.example.net/debian")
    assert "Suites: trixie\n" in entry
    assert "URIs: http://mirror.example.net/debian\n" in entry
    assert f"Signed-By: {apt.KEYRING}" in entry


def test_installing_without_root_is_refused_before_anything_happens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    lines: list[str] = []
    with pytest.raises(UsageError, match="needs root"):
        apt.install(["hello"], "a test", lines.append, tmp_path / "log")
    assert not lines
    assert not (tmp_path / "log").exists()
