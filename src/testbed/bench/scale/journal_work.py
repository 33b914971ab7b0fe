"""Judge or report a run in a process of its own, and print what that took.

    python -m testbed.bench.scale.journal_work report .testbed/runs/RUN

The highest memory use of a process that has done other things before shows nothing. So each measurement has its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from testbed.checks import judge
from testbed.journal import read
from testbed.report import write_report
from testbed.report.run_folders import JOURNAL


def peak_memory(status: Path = Path("/proc/self/status")) -> float:
    """Return the most memory that this process has held, MiB (proc_pid_status(5), ``VmHWM``)."""
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _judge(folder: Path) -> None:
    judge(read(folder / JOURNAL))


def _report(folder: Path) -> None:
    write_report(folder)


WORK: Mapping[str, Callable[[Path], None]] = {"judge": _judge, "report": _report}


def main(arguments: list[str]) -> None:
    """Do one kind of work on a run's folder, and print seconds, CPU seconds and MiB as JSON.

    Args:
        arguments: ``judge`` or ``report``, and the folder.
    """
    work, folder = WORK[arguments[0]], Path(arguments[1])
    before, begun, used = peak_memory(), time.monotonic(), time.process_time()
    work(folder)
    print(json.dumps({
        "seconds": time.monotonic() - begun,
        "cpu": time.process_time() - used,
        "memory": peak_memory() - before,
    }))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
