"""A chosen few of the shipped incidents, on the real cluster: what `make test` proves (all: `make test-long`)."""

from __future__ import annotations

import pytest
from run_duration import duration_mistake, run_seconds

from echo import Echo
from testbed.cluster import Cluster
from testbed.incidents.cluster_loader import load_for_cluster
from testbed.incidents.runner import play_repeats
from testbed.journal import read

# One of each kind of machine, and of each way to be gone: dead, cut off, frozen. More of them is more than a slow build
# machine has time for; each fault's own effect is in tests/cluster/test_faults.py.
CHOSEN = [
    "paper-2006",
    "database-cable-pull",
    "database-frozen",
    "balancer-cable-pull",
    "app-power-loss",
    "mail-gone",
]


@pytest.mark.parametrize("name", CHOSEN)
def test_incident(cluster: Cluster, echo: Echo, name: str) -> None:
    incident = load_for_cluster(name, cluster.settings)
    for result in list(play_repeats(cluster, incident)):
        echo.verdicts(result)
        wrong = [f"{each.check}: {each.status.value}: {each.summary}" for each in result.verdicts if not each.holds]
        assert not wrong, "\n".join([str(result.folder / "report.html"), *wrong])
        took = run_seconds(read(result.folder / "journal.jsonl"))
        assert took is not None
        assert incident.duration is not None
        assert duration_mistake(incident.duration, took) == "", incident.name
