"""Another process that holds the cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.cluster.lock import Use

# Holds the cluster, prints `held`, runs the child of the fourth argument, and waits until its input ends.
HOLDER = """
import os, subprocess, sys
from pathlib import Path
from types import SimpleNamespace
from testbed.cluster.lock import Use, hold
with hold(SimpleNamespace(state_dir=Path(sys.argv[1])), Use[sys.argv[2]], command=sys.argv[3]):
    if len(sys.argv) > 4:
        subprocess.Popen([sys.executable, "-c", sys.argv[4], sys.argv[1]], stdin=0).wait()
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Path, use: Use, command: str = "testbed run x", child: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the cluster."""
    arguments = [sys.executable, "-c", HOLDER, str(folder), use.name, command, *([child] if child else [])]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == ("child" if child else "held")
        try:
            yield process
        finally:
            process.kill()
