"""The heaviest load for a long time, and nothing else: no address may move by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testbed.checks import outage_of
from testbed.checks.run_stages import observation_period, stage_time
from testbed.cluster import Cluster, complaints, lifecycle
from testbed.incidents.incident_model import LIMIT_SECONDS, Load
from testbed.incidents.run import Run
from testbed.journal import Aspect, Journal, Outcome, RequestSample, StateChange
from testbed.wait import elapse

# A run's load and probes end by themselves: a long soak is several runs.
AT_MOST_SECONDS = LIMIT_SECONDS - 600.0
SAMPLE_SECONDS = 20.0
LOGIN_SECONDS = 240.0
ADDRESSES = (Aspect.SITE_ADDRESS, Aspect.DATABASE_ADDRESS)


@dataclass(frozen=True, slots=True)
class SoakResult:
    """A stretch under load.

    Attributes:
        folder: the run's.
        seconds: how long, from the steady state on.
        exchanges: good HTTP exchanges a second.
        failed: the users' requests that were not answered well.
        moves: every address that a machine took or gave up: each is a false failover.
        samples: how often all nodes were asked for its state.
        complaints: what was wrong then, each thing once.
        outages: each probe's longest outage, seconds.
    """

    folder: Path
    seconds: float
    exchanges: float
    failed: int
    moves: tuple[str, ...]
    samples: int
    complaints: tuple[str, ...]
    outages: dict[str, float]


def soak(cluster: Cluster, seconds: float, users: int) -> Iterator[SoakResult]:
    """Load the cluster as hard as so many users can, who never think, and look at it now and then.

    Args:
        cluster: a cluster that is up.
        seconds: how long in all.
        users: webmail users.

    Yields:
        Each stretch when it is over.
    """
    while seconds > 0:
        stretch = min(seconds, AT_MOST_SECONDS)
        seconds -= stretch
        lifecycle.wait_healthy(cluster)
        with Run(cluster, "soak") as run:
            run.probe()
            run.load(Load.model_validate({"users": users, "think_time": "0%"}))
            run.steady(timeout=LOGIN_SECONDS)
            samples, wrong = _watch(cluster, stretch)
        yield _soaked(run.folder, run.journal(), samples, wrong)


def _watch(cluster: Cluster, seconds: float) -> tuple[int, dict[str, int]]:
    """Ask all machines again and again; how often, and how often each complaint was heard."""
    end, samples = time.monotonic() + seconds, 0
    wrong: dict[str, int] = {}
    while (left := end - time.monotonic()) > 0:
        elapse(min(SAMPLE_SECONDS, left))
        samples += 1
        for complaint in complaints(cluster.state(), cluster.topology):
            wrong[complaint] = wrong.get(complaint, 0) + 1
    return samples, wrong


def _soaked(folder: Path, journal: Journal, samples: int, wrong: dict[str, int]) -> SoakResult:
    begin, end = observation_period(journal)
    ends = stage_time(journal, "timeline-done") or end
    requests = [each for each in journal.of(RequestSample) if begin <= each.finished <= ends]
    good = sum(each.outcome is Outcome.OK for each in requests)
    moves = [
        f"{change.node} {change.aspect} {change.value} at +{change.at - begin:.1f} s"
        for change in journal.of(StateChange)
        if change.aspect in ADDRESSES and begin <= change.at <= ends and change.source != "snapshot"
    ]
    worst = {name: outage_of(journal, name, begin=begin, end=ends).longest for name in journal.probes}
    return SoakResult(
        folder, ends - begin, good / max(ends - begin, 1.0), len(requests) - good, tuple(moves), samples,
        tuple(f"{what} ({times} times)" for what, times in wrong.items()),
        {name: window.seconds if window else 0.0 for name, window in worst.items()},
    )  # fmt: skip
