"""One run at a time, whatever becomes of the one before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from testbed.errors import UsageError
from testbed.scenarios.turn import turn

if TYPE_CHECKING:
    from testbed.settings import Settings


def of(folder: Path) -> Settings:
    return cast("Settings", SimpleNamespace(state_dir=folder))


def test_a_second_run_is_refused_and_told_who_is_at_it(tmp_path: Path) -> None:
    with turn(of(tmp_path)), pytest.raises(UsageError, match=rf"process {os.getpid()}"), turn(of(tmp_path)):
        pass
    with turn(of(tmp_path)):
        pass


def test_a_process_that_was_killed_gives_its_turn_back(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from types import SimpleNamespace\n"
        "from testbed.scenarios.turn import turn\n"
        "with turn(SimpleNamespace(state_dir=Path(sys.argv[1]))): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    with turn(of(tmp_path)):
        pass
