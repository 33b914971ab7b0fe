"""Failovers, repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from testbed.checks import Phases
from testbed.cluster import Cluster, ClusterState, lifecycle
from testbed.errors import TestbedError
from testbed.scenarios import Recording, Trial

HEALTHY_SECONDS = 150.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of failover.

    Attributes:
        title: what to call it.
        probe: whose outage is the figure, ``sql`` or ``http``.
        target: seconds its median is to stay within.
        pick: the machine to kill, of the state before.
        done: whether the state after the fault is the one it should end in, given the victim.
    """

    title: str
    probe: str
    target: float
    pick: Callable[[ClusterState], str | None]
    done: Callable[[ClusterState, str], bool]


KINDS: dict[str, Kind] = {
    "database": Kind(
        "database primary loses power",
        "sql",
        7.0,
        lambda state: state.primary_database,
        lambda state, victim: state.primary_database not in (None, victim),
    ),
    "balancer": Kind(
        "active balancer loses power",
        "http",
        4.0,
        lambda state: state.active_balancer,
        lambda state, victim: state.active_balancer not in (None, victim),
    ),
}


@dataclass(frozen=True, slots=True)
class Failover:
    """One measured failover.

    Attributes:
        victim: the machine that was killed.
        outage: seconds for which the probe had no good answer.
        phases: when what happened.
        durable: whether every acknowledged write was there, once.
        sticky: whether every session stayed where it had to.
        recording: where to look closer.
    """

    victim: str
    outage: float
    phases: Phases
    durable: bool
    sticky: bool
    recording: Recording


def failovers(cluster: Cluster, kind: str, repeat: int, users: int) -> Iterator[Failover]:
    """Kill and heal, again and again, under load.

    Args:
        cluster: a cluster that is up.
        kind: one of ``KINDS``.
        repeat: how many times.
        users: webmail users in the background.

    Yields:
        Each failover when it is measured.
    """
    what = KINDS[kind]
    for number in range(1, repeat + 1):
        lifecycle.wait_healthy(cluster, HEALTHY_SECONDS)
        victim = what.pick(cluster.state())
        if victim is None:
            raise TestbedError("nobody holds the part that is to be killed", mend="see `testbed status`")
        with Trial(cluster, f"bench-{kind}-{number}", users=users) as trial:
            trial.inject("power-loss", victim)
            trial.wait_served(lambda state, victim=victim: what.done(state, victim))  # type: ignore[misc]
            trial.heal()
        recording = trial.recording
        worst = recording.outage(what.probe).longest
        if worst is None:
            raise TestbedError("the fault was not felt: nothing was measured", where=str(recording.folder))
        others = [machine.name for machine in cluster.fleet.machines(cluster.machine(victim).node.role)]
        yield Failover(
            victim=victim,
            outage=worst.seconds,
            phases=recording.phases(what.probe, *others),
            durable=recording.durability().ok,
            sticky=recording.stickiness().ok,
            recording=recording,
        )
