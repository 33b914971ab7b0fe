"""A chosen few of the shipped incidents, on the real cluster: what `make test` proves (all: `make test-long`)."""

from __future__ import annotations

import pytest

from telling import Tell
from testbed.cluster import Cluster
from testbed.scenarios.checked import checked
from testbed.scenarios.runner import play_all

# One of each kind of machine and of each kind of fault, as far as the time of a build machine goes.
CHOSEN = [
    "paper-2006",
    "database-cable-pull",
    "database-disk-error",
    "database-disk-full",
    "database-frozen",
    "postgres-killed",
    "replication-cut",
    "balancer-cable-pull",
    "balancer-apache-stopped",
    "app-power-loss",
    "mail-gone",
    "double-failure",
]


@pytest.mark.parametrize("name", CHOSEN)
def test_incident(cluster: Cluster, tell: Tell, name: str) -> None:
    scenario = checked(name, cluster.settings)
    for result in play_all(cluster, scenario):
        tell.verdicts(result)
        wrong = [f"{each.check}: {each.status.value}: {each.summary}" for each in result.verdicts if not each.holds]
        assert not wrong, "\n".join([str(result.folder / "report.html"), *wrong])
