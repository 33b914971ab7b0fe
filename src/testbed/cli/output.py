"""Where commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Collection

from rich.console import Console

from testbed.progress import Progress

# A pipe or a log file has no width of its own; 80 columns would wrap lines that others search.
out = Console(soft_wrap=True, width=200) if not sys.stdout.isatty() else Console()
err = Console(stderr=True, soft_wrap=True)
progress = Progress(err)


def worst(statuses: Collection[int]) -> int:
    """The exit status of several runs: that testbed failed, that one failed, that one is not known, else 0."""
    return next((status for status in (4, 1, 3) if status in statuses), 0)
