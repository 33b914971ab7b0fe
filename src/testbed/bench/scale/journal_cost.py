"""The cost of judging and reporting a run, by the number of events in its journal."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.bench.scale.repeated_journal import read_recording, write_repeated
from testbed.bench.scale.scale_model import ScaleSubject, size_of, variant_names
from testbed.bench.session.subject import Measure, Options, Take
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.output_line import last_line
from testbed.progress import PrintLine
from testbed.report.run_folders import JOURNAL

# A run on a real cluster, which the unit tests keep.
RECORDING = "tests/unit/recordings/database-power-loss.jsonl.gz"
LIMIT_SECONDS = 300.0
WORKS = {"judge": "checks", "report": "checks and report"}
FIGURES = {"seconds": ("time", "s"), "cpu": ("CPU", "s"), "memory": ("memory", "MiB")}


class JournalCost(ScaleSubject):
    """Time, CPU and memory of the checks and of the report."""

    key = "journal"
    title = "Journal size"
    method = (
        "A recorded failover is repeated until the journal has the size, so samples and faults grow together. The "
        "checks (`judge`) and the whole report, checks included, run in a process of their own. Memory is the peak "
        "beyond what the process had when it began."
    )
    sizes = (20_000, 50_000, 100_000, 200_000)
    size_title = "events"
    size_unit = "1000 events"
    variants = variant_names(sizes, "events")
    measured_size = "events"
    measures = (
        Measure("events", "events", "1000"),
        *(
            Measure(f"{work}-{figure}", f"{title}: {name}", unit)
            for work, title in WORKS.items()
            for figure, (name, unit) in FIGURES.items()
        ),
    )
    rounds = 3
    needs_cluster = False

    @contextmanager
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> Iterator[Take]:
        """Write a journal of each size; they are removed at the end."""
        del options
        print_line(f"  writing {len(self.sizes)} journals")
        recording = read_recording(cluster.settings.root / RECORDING)
        with tempfile.TemporaryDirectory(prefix="testbed-bench-scale-") as folder:
            counts = {}
            for size in self.sizes:
                run = Path(folder) / str(size)
                run.mkdir()
                counts[size] = write_repeated(run / JOURNAL, recording, size)

            def take(variant: str) -> dict[str, float]:
                size = size_of(variant)
                values = {"events": counts[size] / 1000}
                for work in WORKS:
                    found = run_work(work, Path(folder) / str(size))
                    values |= {f"{work}-{figure}": found[figure] for figure in FIGURES}
                return values

            yield take


def run_work(work: str, folder: Path) -> dict[str, float]:
    """Judge or report a run in a process of its own, and return what that took.

    Args:
        work: ``judge`` or ``report``.
        folder: of the run.

    Raises:
        TestbedError: it failed, or did not end.
    """
    command = [sys.executable, "-m", "testbed.bench.scale.journal_work", work, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        raise TestbedError(f"no end within {LIMIT_SECONDS:.0f} s", where=f"{work} of {folder}") from None
    if done.returncode:
        raise TestbedError(last_line(done.stderr, otherwise="no output"), where=f"{work} of {folder}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
