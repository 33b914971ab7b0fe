"""Failovers, repeated: the shipped incidents, as a distribution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testbed.checks import Phases, Status, check_outage, failovers
from testbed.checks.moments import watched
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.journal import FaultStep, Journal, read
from testbed.scenarios.checked import checked
from testbed.scenarios.runner import Result, run_scenario


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of failover.

    Attributes:
        title: what to call it.
        incident: the incident file that is repeated.
        probe: whose outage is the figure.
        target: seconds its median is to stay within.
    """

    title: str
    incident: str
    probe: str
    target: float


KINDS: dict[str, Kind] = {
    "database": Kind("database primary loses power", "database-power-loss", "sql-write", 7.0),
    "balancer": Kind("active balancer loses power", "balancer-power-loss", "https", 4.0),
}


@dataclass(frozen=True, slots=True)
class Failover:
    """One measured failover.

    Attributes:
        victim: the machine that was killed.
        outage: seconds for which the probe had no good answer.
        phases: when what happened; None if no address moved.
        status: the run's verdict.
        folder: where to look closer.
    """

    victim: str
    outage: float
    phases: Phases | None
    status: Status
    folder: Path


def repeated(cluster: Cluster, kind: str, repeat: int, users: int) -> Iterator[Failover]:
    """Kill and heal, again and again, under load.

    Args:
        cluster: a cluster that is up.
        kind: one of ``KINDS``.
        repeat: how many times.
        users: webmail users in the background.

    Yields:
        Each failover when it is measured.

    Raises:
        TestbedError: the fault was not felt: nothing was measured.
    """
    what = KINDS[kind]
    scenario = checked(what.incident, cluster.settings)
    scenario = scenario.model_copy(update={"load": scenario.load.model_copy(update={"users": users})})
    for result in run_scenario(cluster, scenario, repeat=repeat):
        yield _measured(what, result)


def _measured(what: Kind, result: Result) -> Failover:
    journal = read(result.folder / "journal.jsonl")
    begin, end = watched(journal)
    worst = check_outage(journal.probes[what.probe], begin=begin, end=end).longest
    if worst is None:
        raise TestbedError("the fault was not felt: nothing was measured", where=str(result.folder))
    victim = _victim(journal)
    moved = [phases for phases in failovers(journal) if phases.source == victim]
    return Failover(victim, worst.seconds, moved[0] if moved else None, result.status, result.folder)


def _victim(journal: Journal) -> str:
    return next(step.node for step in journal.of(FaultStep) if step.step == "inject")
