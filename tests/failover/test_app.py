"""An app node dies: its own sessions move and are lost, no other."""

from __future__ import annotations

from telling import Tell
from testbed.cluster import Cluster
from testbed.scenarios import Trial
from testbed.topology import Role

CEILING_SECONDS = 15.0


def test_only_its_own_sessions_move(cluster: Cluster, tell: Tell) -> None:
    victim = cluster.fleet.machines(Role.APP)[0].name

    with Trial(cluster, "app-power-loss", users=8) as trial:
        trial.inject("power-loss", victim)
        trial.wait_served(lambda now: now.active_balancer is not None)
        trial.wait_everyone_served()
        trial.heal()
    recording = trial.recording

    stickiness = recording.stickiness(victim)
    tell.outage(recording, "http")
    tell(stickiness.explain())
    assert stickiness.ok, stickiness.explain()
    assert stickiness.doomed, "no session lived on the victim: nothing was proved"
    assert set(stickiness.matrix) - stickiness.doomed, "no session lived elsewhere: nothing was proved"
    outage = recording.outage("http", ceiling=CEILING_SECONDS)
    assert outage.ok, outage.explain()
    assert recording.durability().ok, recording.durability().explain()
