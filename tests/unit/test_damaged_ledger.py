"""A record of a fault that is damaged in any way is set aside and keeps no other fault from being healed."""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.errors import TestbedError
from testbed.faults.ledger import Ledger

_WRONG_TYPES = '{"key": "1", "fault": "freeze", "node": "db1", "target": "db1", "options": [], "wall": 1, "pid": 1}'


@pytest.mark.parametrize(
    "content", ["", "{", "null", "5", "[]", '"networks"', '["networks"]', "[" * 100_000, _WRONG_TYPES]
)
def test_a_damaged_record_is_set_aside(tmp_path: Path, content: str) -> None:
    (tmp_path / "1.json").write_text(content)
    _is_set_aside(tmp_path)


def test_a_folder_in_place_of_a_record_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "1.json").mkdir()
    _is_set_aside(tmp_path)


def _is_set_aside(folder: Path) -> None:
    ledger = Ledger(folder)
    with pytest.raises(TestbedError, match="not a fault's record"):
        ledger.entries()
    assert ledger.readable_entries() == []
    assert ledger.set_aside_damaged() == [folder / "1.damaged"]
    assert ledger.entries() == []
