"""Plays the trials of a series on the running cluster."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from testbed import report
from testbed.cluster import Cluster
from testbed.cluster.mildest_repair import TROUBLE, repair_cluster
from testbed.cluster.reset import reset
from testbed.errors import UsageError
from testbed.incidents.runner import plan_repeat, play_once
from testbed.progress import Progress
from testbed.trials.trial_store import ERROR, Trial, TrialStore, TrialVerdict


class TrialPlayer:
    """Plays trials on a cluster that stays up between them, or is reset before each.

    Args:
        cluster: in the incident's shape.
        store: of the series.
        progress: prints repairs and resets.
        print_line: called with a line for each step of a trial.
    """

    def __init__(
        self, cluster: Cluster, store: TrialStore, progress: Progress, print_line: Callable[[str], None]
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._progress = progress
        self._print_line = print_line

    def __call__(self, number: int) -> Trial:
        """Play a trial.

        Raises:
            UsageError: the run could not begin, such as because another process holds the cluster.
        """
        settings = self._store.settings
        plan = plan_repeat(
            self._cluster, self._store.incident, settings.seed, number, settings.trials, self._store.name
        )
        begun: list[Path] = []
        wall, begin, error = time.time(), time.monotonic(), ""
        try:
            if settings.fresh:
                reset(self._cluster, self._progress)
            play_once(self._cluster, self._store.incident, plan, on_begin=begun.append, print_line=self._print_line)
        except UsageError:
            raise
        except TROUBLE as trouble:
            error = " ".join(str(trouble).split()) or type(trouble).__name__
        return self._trial(number, begun[0] if begun else None, error, wall, time.monotonic() - begin)

    def repair(self) -> str:
        """Make the cluster healthy by the mildest means that works, and return the means."""
        return repair_cluster(self._cluster, self._progress)

    def _trial(self, number: int, folder: Path | None, error: str, wall: float, seconds: float) -> Trial:
        summary = report.load_summary(folder) if folder else None
        verdict: TrialVerdict = "error" if error or summary is None else summary.verdict
        if verdict == ERROR and not error:
            error = (summary.error if summary else "") or "the run has no report"
        kept = folder is not None and folder.is_dir()
        size = _size(folder) if folder else 0
        if folder and verdict == "pass" and self._store.settings.drop_passing:
            shutil.rmtree(folder, ignore_errors=True)
            kept = False
        return Trial(
            number=number, verdict=verdict, run=folder.name if folder else "", kept=kept, summary=summary, error=error,
            seconds=round(seconds, 1), size=size, wall=round(wall, 1),
        )  # fmt: skip


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
