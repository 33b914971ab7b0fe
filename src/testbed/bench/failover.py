"""Failovers, repeated: the shipped incidents, as a distribution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

from testbed.checks import Phases, Status, check_durability, failovers, outage_of
from testbed.checks.injected_faults import InjectedFault, injected_faults
from testbed.checks.run_stages import observation_period
from testbed.cluster import Cluster
from testbed.errors import TestbedError
from testbed.incidents.cluster_loader import load_for_cluster
from testbed.incidents.runner import IncidentResult, play_repeats
from testbed.journal import Outcome, RequestSample, Settled, read
from testbed.probes.sql import SqlWriteProbe


@dataclass(frozen=True, slots=True)
class FailoverKind:
    """A kind of failover.

    Attributes:
        title: what to call it.
        incident: the incident file that is repeated.
        probe: whose outage is the figure.
        targets: by the cluster's profile, the seconds that the outage's median and p95 are to stay within.
    """

    title: str
    incident: str
    probe: str
    targets: Mapping[str, tuple[float, float]]


KINDS: dict[str, FailoverKind] = {
    "database": FailoverKind(
        "database primary loses power", "database-power-loss", "sql-write",
        {"reference": (7.0, inf), "hardened": (3.0, 5.0)},
    ),
    "balancer": FailoverKind(
        "active balancer loses power", "balancer-power-loss", "https", {"reference": (4.0, inf), "hardened": (1.5, 3.0)}
    ),
    # What counts is not the time but the requests: those that were in flight are lost, and no other should be.
    "app": FailoverKind("an app node loses power", "app-power-loss", "webmail", {}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failover:
    """One measured failover.

    Attributes:
        victim: the machine that was killed.
        outage: seconds for which the probe had no good answer; 0 if it saw none.
        phases: when what happened; None if no address moved.
        status: the run's verdict.
        folder: where to look closer.
        lost: acknowledged writes that are not there.
        false: unexpected failovers: of a node that was not killed.
        in_flight: the users' failed requests that were sent before the power was gone.
        beyond: those that were sent later.
    """

    victim: str
    outage: float
    phases: Phases | None
    status: Status
    folder: Path
    lost: int
    false: int
    in_flight: int
    beyond: int


def repeat_failovers(cluster: Cluster, kind: str, repeat: int, users: int) -> Iterator[Failover]:
    """Kill and heal, again and again, under load.

    Args:
        cluster: a cluster that is up.
        kind: one of ``KINDS``.
        repeat: how many times.
        users: webmail users in the background.

    Yields:
        Each failover when it is measured.

    Raises:
        TestbedError: the probe saw no outage, so nothing was measured.
    """
    what = KINDS[kind]
    incident = load_for_cluster(what.incident, cluster.settings)
    incident = incident.model_copy(update={"load": incident.load.model_copy(update={"users": users})})
    for result in play_repeats(cluster, incident, repeat=repeat):
        yield _measured(what, result)


def _measured(what: FailoverKind, result: IncidentResult) -> Failover:
    journal = read(result.folder / "journal.jsonl")
    begin, end = observation_period(journal)
    worst = outage_of(journal, what.probe, begin=begin, end=end).longest
    if worst is None and what.targets:
        raise TestbedError("the probe saw no outage, so nothing was measured", where=str(result.folder))
    first = injected_faults(journal)[0]
    moved = failovers(journal)
    mine = [phases for phases in moved if phases.source == first.node]
    failed = [each for each in journal.of(RequestSample) if each.outcome is not Outcome.OK and _hit(each, first)]
    flying = [each for each in failed if first.injected is None or each.started <= first.injected]
    return Failover(
        first.node, worst.seconds if worst else 0.0, mine[0] if mine else None, result.status, result.folder,
        lost=len(check_durability(journal.probes[SqlWriteProbe.name], journal.of(Settled)).missing),
        false=len(moved) - len(mine), in_flight=len(flying), beyond=len(failed) - len(flying),
    )  # fmt: skip


def _hit(request: RequestSample, fault: InjectedFault) -> bool:
    """Whether a request may have failed by a fault: it ended after that, and began before the fault was healed.

    A session that died with its node is not a failed request: the site answers, with the page to log in.
    """
    return request.finished >= fault.begins and request.started < fault.ends and request.cause != "session-lost"
