"""Processes that a run which was killed leaves on the client: ended by the next `testbed heal`."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from testbed.cluster import unrecorded
from testbed.wait import wait_until


def test_probes_and_load_of_a_run_that_was_killed_are_ended_and_those_of_a_load_by_hand_are_not(tmp_path: Path) -> None:
    (tmp_path / "locust").symlink_to("/bin/sleep")
    run, by_hand = (os.environ | {"TESTBED_JOURNAL": f"/runs/x/{name}.jsonl"} for name in ("journal", "load"))
    (tmp_path / "python3").symlink_to(sys.executable)
    probe: list[str | Path] = [tmp_path / "python3", "-c", "import time; time.sleep(30)", "-m", "testbed.probes"]
    with ExitStack() as stack:
        loads = [
            stack.enter_context(subprocess.Popen([tmp_path / "locust", "30"], env=each)) for each in (run, by_hand)
        ]
        probes = stack.enter_context(subprocess.Popen(probe))
        for process in (*loads, probes):
            stack.callback(process.kill)
        names = {"locust": loads[0].pid, "python3": probes.pid}
        wait_until(lambda: all(comm(pid) == name for name, pid in names.items()), 10, "all three to run")
        script = unrecorded.END_STRAYS.replace("/proc/[0-9]*", " ".join(f"/proc/{x.pid}" for x in (*loads, probes)))
        ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert sorted(ended.stdout.split()) == ["locust", "python3"]
        assert (loads[0].wait(10), probes.wait(10)) == (-9, -9)
        assert loads[1].poll() is None


def comm(pid: int) -> str:
    """The name of a process's program."""
    return Path(f"/proc/{pid}/comm").read_text().strip()
