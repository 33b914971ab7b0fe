"""A database machine fails, in four ways, under load: the other serves, and no acknowledged write is lost."""

from __future__ import annotations

import pytest

from telling import Tell
from testbed.cluster import Cluster
from testbed.scenarios import Trial

# Machines are noisy and may have to emulate the guests: the figures are the benchmark's, this is a sanity bound.
CEILING_SECONDS = 30.0


@pytest.mark.parametrize("fault", ["power-loss", "cable-pull", "network-down", "resign"])
def test_service_resumes_on_the_survivor(cluster: Cluster, tell: Tell, fault: str) -> None:
    state = cluster.state()
    primary = state.primary_database
    [survivor] = [each.node for each in state.databases if each.node != primary]
    assert primary

    with Trial(cluster, f"db-{fault}") as trial:
        trial.inject(fault, primary)
        trial.wait_served(lambda now: now.primary_database == survivor)
        trial.heal()
        after = cluster.state()
    recording = trial.recording

    tell.outage(recording, "sql")
    tell.phases(recording.phases("sql", primary, survivor))
    outage = recording.outage("sql", ceiling=CEILING_SECONDS)
    assert outage.windows, f"the fault was not felt: {outage.explain()}"
    assert outage.resolution <= 0.0501  # what a client saw, at 50 ms or better
    assert outage.ok, outage.explain()
    durability = recording.durability()
    tell(durability.explain())
    assert durability.ok, durability.explain()
    stickiness = recording.stickiness()
    assert stickiness.ok, stickiness.explain()
    assert after.primary_database == survivor, "the returned node must not take the service back"
    assert all(each.replicated for each in after.databases)
