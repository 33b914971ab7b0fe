"""The shop of examples/shop, end to end: `testbed up --app` takes it up, and its incidents pass.

It replaces nothing, but leaves the shop in the cluster.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from testbed.cli.up import bring_up
from testbed.cluster import Cluster
from testbed.cluster.up_options import UpOptions
from testbed.incidents.cluster_loader import load_for_cluster
from testbed.incidents.runner import play_repeats
from testbed.journal import RequestSample, read
from testbed.probes.attempted_work import attempted_work

SHOP = Path(__file__).parents[2] / "examples" / "shop"


@pytest.fixture(scope="module")
def shop(running: Cluster) -> Cluster:
    """The cluster with the shop."""
    return bring_up(running.settings, UpOptions(applications=(str(SHOP),)))


@pytest.mark.parametrize("name", ["shop-database-power-loss", "shop-balancer-power-loss"])
@pytest.mark.timeout(1200)
def test_an_incident_of_the_shop_passes(shop: Cluster, name: str) -> None:
    incident = load_for_cluster(SHOP / "incidents" / f"{name}.yaml", shop.settings)
    [result] = play_repeats(shop, incident)
    assert [f"{each.check}: {each.summary}" for each in result.verdicts if not each.holds] == []
    journal = read(result.folder / "journal.jsonl")
    assert any(outcome == "ok" for outcome in attempted_work(journal, "shop").values())
    balancers = {request.balancer for request in journal.of(RequestSample) if request.balancer}
    assert len(balancers) == (2 if "balancer" in name else 1)
