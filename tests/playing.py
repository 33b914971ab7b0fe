"""A shipped incident as a test: it fails when a check does not hold."""

from __future__ import annotations

from telling import Tell
from testbed.cluster import Cluster
from testbed.scenarios.checked import checked
from testbed.scenarios.runner import play_all


def play(cluster: Cluster, tell: Tell, name: str) -> None:
    """Play an incident, tell what was measured, and fail with the checks that do not hold and where the report is."""
    for result in play_all(cluster, checked(name, cluster.settings)):
        tell.verdicts(result)
        wrong = [f"{each.check}: {each.status.value}: {each.summary}" for each in result.verdicts if not each.holds]
        assert not wrong, "\n".join([str(result.folder / "report.html"), *wrong])
