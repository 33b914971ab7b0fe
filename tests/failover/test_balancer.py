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
        trial.wait_everyone_served()
        trial.heal()
    recording = trial.recording

    tell.outage(recording, "http")
    tell.phases(recording.phases("http", active, standby))
    outage = recording.outage("http", ceiling=CEILING_SECONDS)
    assert outage.resolution <= 0.0501  # what a client saw, at 50 ms or better
    assert outage.windows, f"the fault was not felt: {outage.explain()}"
    assert outage.ok, outage.explain()
    assert outage.longest
    back = outage.longest.first_good or 0
    answered = {sample.attrs.get("balancer", "") for sample in recording.http if sample.scheduled > back + 1}
    assert answered - {""} == {standby}, "only the survivor serves, and it keeps the address when the other returns"
    stickiness = recording.stickiness()
    tell(stickiness.explain())
    assert stickiness.ok, stickiness.explain()
    before = {each.session for each in recording.requests if each.app and each.finished < recording.fault_at}
    after = {each.session for each in recording.requests if each.app and each.started > back}
    assert before & after, "no session was seen through both balancers: nothing was proved"
    for session in before & after:
        stays = stickiness.matrix[session]
        assert {balancer for stay in stays for balancer in stay.balancers} == {active, standby}
    assert recording.durability().ok, recording.durability().explain()
