"""Plays one sequence on the cluster with every check that needs no expectation, and makes the cluster healthy again."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from testbed import recorder, report
from testbed.checks import Status, Verdict, judge
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.mildest_repair import TROUBLE, NotRepairedError, repair_cluster
from testbed.errors import TestbedError, UsageError
from testbed.hunt import incident_writer
from testbed.hunt.failure_kinds import failure_kinds
from testbed.hunt.hunt_store import FRESH, REMEDIES, SPLIT_BRAIN, Play, PlayFailure
from testbed.hunt.sequence import Steps, as_incident
from testbed.incidents.incident_model import ALL, Incident
from testbed.incidents.run import Run
from testbed.incidents.runner import reach_steady_state, take_step
from testbed.journal import Mark, RunPlan, read
from testbed.progress import Progress

# The wait of the timeline itself is longer: this one is for what a split brain's resolution leaves to copy.
HEALTHY_AGAIN_SECONDS = 60.0
JOURNAL = "journal.jsonl"
NOT_STEADY = "steady state"


@dataclass(frozen=True, slots=True)
class PlayedRun:
    """What a run of a sequence came to.

    Attributes:
        folder: the run's.
        verdicts: one for each check.
        refused: places of the steps that could not be taken.
        steady: whether the steady state was reached before the first step.
        healthy: whether the run ended with a healthy cluster.
        repair: what the end of the run took to make it healthy; empty when healing the faults was enough.
    """

    folder: Path
    verdicts: list[Verdict] = field(default_factory=list)
    refused: tuple[int, ...] = ()
    steady: bool = True
    healthy: bool = True
    repair: str = ""


class ClusterPlayer:
    """Plays sequences on a cluster that stays up between them.

    Args:
        cluster: the cluster, healthy.
        seed: the hunt's.
        keep_passing: keep the folders of runs that pass.
        progress: prints repairs.
    """

    def __init__(self, cluster: Cluster, seed: int, *, keep_passing: bool, progress: Progress) -> None:
        self._cluster = cluster
        self._seed = seed
        self._keep_passing = keep_passing
        self._progress = progress
        self._plays = 0

    @property
    def cluster(self) -> Cluster:
        """The cluster as it is now; a repair may have replaced the one that the hunt began with."""
        return self._cluster

    def __call__(self, number: int, steps: Steps, drawn: bool) -> Play:
        """Play a sequence.

        Args:
            number: of the drawn sequence.
            steps: what to play.
            drawn: whether they are as drawn.

        Raises:
            TestbedError: not even a fresh cluster becomes healthy.
        """
        self._plays += 1
        wall, begin = time.time(), time.monotonic()
        name = incident_writer.sequence_name(self._seed, number) + ("" if drawn else f"-smaller-{self._plays}")
        incident = as_incident(
            steps, name, f"Sequence {number} of the hunt with seed {self._seed}.",
            incident_writer.sequence_seed(self._seed, number),
        )  # fmt: skip
        played = play(self._cluster, incident, keep_passing=self._keep_passing)
        if not played.steady:  # nothing was injected: what failed is not the sequence's doing
            self._progress.print_line("      no steady state to begin with: playing it again")
            self.make_healthy()
            shutil.rmtree(played.folder, ignore_errors=True)
            played = play(self._cluster, incident, keep_passing=self._keep_passing)
        failures = tuple(
            PlayFailure(check=kind.check, cause=kind.cause, text=text)
            for kind, text in failure_kinds(played.verdicts).items()
            if played.steady
        )
        unknown = tuple(each.check for each in played.verdicts if each.status is Status.UNKNOWN)
        unknown += () if played.steady else (NOT_STEADY,)
        repair = played.repair if played.healthy else self.make_healthy() or played.repair
        kept = bool(failures or unknown or self._keep_passing) and (played.folder / JOURNAL).exists()
        if not kept:
            shutil.rmtree(played.folder, ignore_errors=True)
        return Play(
            number=number, drawn=drawn, steps=steps, refused=played.refused, failures=failures, unknown=unknown,
            run=played.folder.name, kept=kept, seconds=round(time.monotonic() - begin, 1), repair=repair,
            wall=round(wall, 1),
        )  # fmt: skip

    def make_healthy(self) -> str:
        """Repair the cluster by the mildest means that works.

        Returns:
            Which that was, empty if the cluster was healthy.

        Raises:
            TestbedError: not even a fresh cluster becomes healthy.
        """
        cluster, progress = self._cluster, self._progress
        with suppress(NotRepairedError):
            return repair_cluster(cluster, progress)
        progress.print_line("      making a fresh cluster")
        lifecycle.down(cluster.settings)
        # The old cluster object refers to the containers of the removed cluster.
        self._cluster = Cluster(cluster.settings, cluster.shape)
        lifecycle.up(self._cluster, progress)
        return FRESH


def play(cluster: Cluster, incident: Incident, *, keep_passing: bool = False) -> PlayedRun:
    """Play a sequence's incident once, and judge it.

    A fault that cannot be injected at that moment, because no node is in the wanted state, is passed over: it
    changes nothing. So is the heal of a single fault that cannot be healed then. The nodes' logs are copied and the
    report is written when something did not pass: a run that passes is deleted.

    Args:
        cluster: the cluster, healthy.
        incident: the sequence with its final heal and wait.
        keep_passing: copy the logs and write the report of a run that passes too.
    """
    plan = RunPlan(
        incident.name, incident.model_dump(mode="json"), incident.seed, 1, 1, incident.name,
        cluster.platform,
    )  # fmt: skip
    run = Run(cluster, incident.name, plan=plan, healthy_within=HEALTHY_AGAIN_SECONDS, collect=False)
    refused: list[int] = []
    healthy = True
    try:
        with run:
            _timeline(run, incident, refused)
    except TROUBLE:  # the journal has the error, and the check `run` fails with it
        healthy = False
    if not (run.folder / JOURNAL).exists():
        raise TestbedError("the run left no journal", where=str(run.folder), fix="is the disk full?")
    journal = read(run.folder / JOURNAL)
    verdicts = judge(journal)
    if keep_passing or any(each.status is not Status.PASS for each in verdicts):
        with suppress(*TROUBLE):
            recorder.collect_artifacts(cluster, run.folder)
        report.write_report(run.folder)
    marks = {mark.name for mark in journal.of(Mark)}
    healthy = healthy and "not-healthy" not in marks
    repair = SPLIT_BRAIN if "split-brain-resolved" in marks else REMEDIES if "repaired" in marks else ""
    return PlayedRun(run.folder, verdicts, tuple(refused), "steady" in marks, healthy, repair)


def _timeline(run: Run, incident: Incident, refused: list[int]) -> None:
    begin = reach_steady_state(run, incident, _silent)
    for number, step in enumerate(incident.steps, 1):
        try:
            if not take_step(run, step, number, begin, _silent):
                return
        except TestbedError as refusal:
            # One fault may keep another from being healed (a frozen node runs no command): the heal of all
            # at the end must succeed, a single one need not.
            alone = step.ends is not None and step.ends != ALL
            if not (isinstance(refusal, UsageError) or alone):
                raise
            run.mark("step-refused", number=str(number), reason=refusal.what)
            refused.append(number - 1)


def _silent(_: str) -> None:
    """Print nothing: the search prints a line for each sequence."""
