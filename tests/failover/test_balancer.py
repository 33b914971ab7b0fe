"""The active balancer fails: the other takes the site's address, and every session keeps its app node."""

from __future__ import annotations

import pytest

from telling import Tell
from testbed.cluster import Cluster
from testbed.scenarios import Trial

CEILING_SECONDS = 15.0


@pytest.mark.parametrize(
    ("fault", "networks"),
    [("power-loss", []), ("cable-pull", ["public"]), ("resign", [])],
    ids=["power-loss", "cable-pull", "resign"],
)
def test_sessions_keep_their_node(cluster: Cluster, tell: Tell, fault: str, networks: list[str]) -> None:
    state = cluster.state()
    active = state.active_balancer
    [standby] = [each.node for each in state.balancers if each.node != active]
    assert active

    with Trial(cluster, f"lb-{fault}") as trial:
        trial.inject(fault, active, networks)
        trial.wait_served(lambda now: standby in [each.node for each in now.balancers if each.holds_address])
        trial.heal()
    recording = trial.recording

    tell.outage(recording, "http")
    tell.phases(recording.phases("http", active, standby))
    outage = recording.outage("http", ceiling=CEILING_SECONDS)
    assert outage.resolution <= 0.0501  # what a client saw, at 50 ms or better
    assert outage.ok, outage.explain()
    answered = {sample.attrs.get("balancer") for sample in recording.http if sample.scheduled > recording.fault_at + 10}
    assert answered - {""} == {standby}
    stickiness = recording.stickiness()
    tell(stickiness.explain())
    assert stickiness.ok, stickiness.explain()
    across = [stays for stays in stickiness.matrix.values() if len({b for stay in stays for b in stay.balancers}) > 1]
    assert across, "no session was seen through both balancers: nothing was proved"
    assert recording.durability().ok, recording.durability().explain()
