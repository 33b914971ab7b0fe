"""The manual page has every command and exit status, and nothing that man(7) would take for its own language."""

from __future__ import annotations

import re

from docs_man import manual
from testbed.cli.exit_status import ExitStatus
from testbed.cli.table import COMMANDS

PAGE = manual()
REQUESTS = {"TH", "SH", "SS", "TP", "IP", "B"}


def test_every_command_and_status_is_there() -> None:
    for entry in COMMANDS:
        assert re.search(rf"^\.B testbed {entry.name.replace('-', re.escape(chr(92)) + '-')}\b", PAGE, re.MULTILINE)
    for status in ExitStatus:
        assert f"\n.TP\n{status.value}\n" in PAGE


def test_every_line_is_text_or_a_known_request() -> None:
    for line in PAGE.splitlines():
        if line.startswith((".", "'")):
            assert line.split()[0][1:] in REQUESTS
    assert not re.search(r"(?<!\\)\\(?![-e&f])", PAGE)
