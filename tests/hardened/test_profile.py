"""The cluster that is up is the hardened one, and says so wherever somebody looks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cluster import Cluster
from testbed.incidents import Incident
from testbed.incidents.run import Run
from testbed.incidents.runner import reshape_for_incident

TESTBED = Path(sys.executable).with_name("testbed")


def test_status_and_every_run_name_the_profile(cluster: Cluster) -> None:
    result = subprocess.run([TESTBED, "status", "--json"], capture_output=True, text=True, check=True, timeout=120)
    assert json.loads(result.stdout)["profile"] == "hardened"
    with Run(cluster, "hardened-profile") as run:
        pass
    plan = run.journal().plan
    assert plan is not None
    assert plan.profile == "hardened"


@pytest.mark.parametrize("service", ["lb1", "lb2", "app-1", "db1", "db2"])
def test_every_node_knows_the_profile(cluster: Cluster, service: str) -> None:
    where = "/run/testbed/node.env" if service.startswith("db") else "/proc/1/environ"
    result = cluster.machine(service).exec(["sh", "-c", f"tr '\\0' '\\n' <{where} | grep '^PROFILE='"])
    assert "hardened" in result.stdout, result


def test_up_does_not_make_it_half_another_one(cluster: Cluster) -> None:
    refused = subprocess.run(
        [TESTBED, "up", "--balancer", "openbsd"], capture_output=True, text=True, check=False, timeout=120
    )
    assert refused.returncode == 2
    assert "the cluster that is up has the overlay hardened" in refused.stderr
    assert cluster.shape.overlays == ("hardened",)


def test_an_incident_of_the_reference_is_refused(cluster: Cluster) -> None:
    incident = Incident.model_validate(
        {
            "name": "of-2006",
            "title": "A hole is shown",
            "why": "a hole is shown",
            "cluster": {"profile": "reference"},
            "steps": [{"sleep": "1s"}],
        }
    )
    with pytest.raises(Exception, match="played under the profile reference, and this cluster is hardened"):
        reshape_for_incident(cluster, incident)
