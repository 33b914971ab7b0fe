"""Hosts join and leave the pool under load, and no request fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from telling import Tell
from testbed.cluster import Cluster
from testbed.journal import Outcome
from testbed.scenarios import Trial
from testbed.topology import Role
from testbed.wait import wait_until

TESTBED = Path(sys.executable).with_name("testbed")


def usable(cluster: Cluster) -> list[set[str]]:
    """What each balancer would send a new session to."""
    return [{member.name for member in each.members if member.usable} for each in cluster.state().balancers]


def scale(cluster: Cluster, count: int) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    command = [str(TESTBED), "up", "--scale", f"app={count}"]
    result = subprocess.run(
        command, cwd=cluster.settings.root, capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture
def two_apps(cluster: Cluster) -> Cluster:
    assert len(cluster.fleet.machines(Role.APP)) == 2
    return cluster


def test_a_third_node_joins_without_a_failed_request(two_apps: Cluster, tell: Tell) -> None:
    cluster = two_apps
    before = {each.name: each.started_at() for each in cluster.fleet.machines(Role.BALANCER)}
    try:
        with Trial(cluster, "scale-up", users=4) as trial:
            scale(cluster, 3)
            wait_until(
                lambda: all("app-3" in names for names in usable(cluster)),
                60,
                "both balancers to know app-3",
                describe=lambda: usable(cluster),
            )
        recording = trial.recording
        failed = [each for each in recording.http if each.outcome is not Outcome.OK]
        tell(f"{len(recording.http)} probes while app-3 joined, {len(failed)} failed")
        assert not failed, failed[0]
        assert recording.stickiness().ok, recording.stickiness().explain()
        assert {each.name: each.started_at() for each in cluster.fleet.machines(Role.BALANCER)} == before
    finally:
        scale(cluster, 2)
