"""Programs that these tests take from Debian's packages, as the product takes what it needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from testbed.host import apt


def need(programs: Mapping[str, str], why: str, log: Path) -> None:
    """Have programs on this machine; a test of somebody who may not install them is skipped, and says what to install.

    Args:
        programs: program, or a file that the package brings, to package.
        why: what they are for.
        log: keeps apt's output.
    """
    missing = [package for program, package in programs.items() if shutil.which(program) is None]
    if missing and os.geteuid() != 0:
        pytest.skip(f"{why}; run as root: apt-get install {' '.join(missing)}")
    if missing:
        apt.install(missing, why, print, log)
