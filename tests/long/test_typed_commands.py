"""The commands of tutorial and how-to that need a cluster, typed one after the other on the cluster that is up."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs_blocks import PAGES, TUTORIAL, commands, saved_files
from testbed.cluster import Cluster

TESTBED = Path(sys.executable).with_name("testbed")
# What is not typed here, and why.
LEFT_OUT = {
    r"make |\. |ssh |docker |nohup |export ": "it prepares the computer",
    r"testbed (up|down)\b": "it replaces the cluster, which the other tests need",
    r"testbed (logs --events --follow|.* --open|open)\b": "it ends by Ctrl-C only",
    r"testbed compare \d": "it names runs of another computer",
    r"testbed run stale-copy-first|testbed run .*--repeat": "it takes minutes, and `pytest incidents` plays incidents",
}
# The other pages show commands for one situation each, which tests of their own make.
TYPED = [
    command
    for page in (TUTORIAL, *(each for each in PAGES if each.stem == "own-incident"))
    for command in commands(page)
    if not command.offline
]
RUN = [each for each in TYPED if not any(re.match(pattern, each.line) for pattern in LEFT_OUT)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", sorted({each.page for each in RUN}), ids=lambda page: page.stem)
def test_the_commands_of_a_page_work_in_their_order(cluster: Cluster, page: Path, tmp_path: Path) -> None:
    for name, text in saved_files(page).items():
        (tmp_path / name).write_text(text)
    for command in (each for each in RUN if each.page == page):
        arguments = [str(tmp_path / word) if word in saved_files(page) else word for word in command.line.split()[1:]]
        result = subprocess.run(
            [TESTBED, *arguments], cwd=cluster.settings.root, capture_output=True, text=True, check=False, timeout=600
        )
        assert result.returncode == 0, f"{command.line}\n{result.stdout}{result.stderr}"


def test_nothing_is_left_out_for_a_reason_that_is_gone() -> None:
    assert all(any(re.match(pattern, each.line) for each in TYPED) for pattern in LEFT_OUT)
    assert {each.line for each in RUN} >= {"testbed status", "testbed fault power-loss db:primary", "testbed heal"}
