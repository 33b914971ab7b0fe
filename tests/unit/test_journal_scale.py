"""A large journal is read and judged in little time and memory.

Here a tenth of a million events; the figure to reach is a million in 30 s and 500 MiB, report and all.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from forging import large, lines, write

EVENTS = 100_000
# Of a process of its own: the highest memory use of one that has done other things before says nothing.
PROGRAM = """
import sys, time
from testbed.checks import Status, judge
from testbed.journal import read

def most() -> int:
    with open("/proc/self/status") as status:
        return int(next(line.split()[1] for line in status if line.startswith("VmHWM")))

before, begun = most(), time.process_time()
verdicts = judge(read(sys.argv[1]))
print(time.process_time() - begun, (most() - before) / 1024, *sorted({each.status for each in verdicts}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_tenth_of_a_million_events(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, lines(large(EVENTS)))
    with path.open("rb") as file:
        assert sum(1 for _ in file) > 0.9 * EVENTS
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True)
    seconds, mebibytes, *statuses = done.stdout.split()
    assert statuses == ["pass"]
    assert float(seconds) < 3.0
    assert float(mebibytes) < 50.0
