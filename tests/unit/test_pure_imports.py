"""The packages that only read journals work without the Docker and HTTP libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["testbed.journal", "testbed.checks", "testbed.report"])
def test_reading_a_journal_loads_neither_docker_nor_requests(package: str) -> None:
    script = f"import sys, {package}\nprint('LOADED', [name for name in ('docker', 'requests') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "LOADED []\n"
