"""A host joins the pool under load without a failed request, and leaves it again; decisions about others stand."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from echo import Echo
from testbed.checks import check_outage, check_stickiness
from testbed.cluster import Cluster, pool_changes
from testbed.incidents.incident_model import Load
from testbed.incidents.run import Run
from testbed.journal import Outcome, RequestSample
from testbed.machines import Machine
from testbed.roles import pool_member
from testbed.topology import WEBMAIL, Role
from testbed.wait import wait_until
from visiting import visitors

# Each balancer reloads Apache once, and on a busy machine takes its time; no request may be lost by it.
PAUSE_SECONDS = 5.0
TESTBED = Path(sys.executable).with_name("testbed")


def usable(cluster: Cluster) -> list[set[str]]:
    """What each balancer would send a new session to."""
    return [{member.name for member in each.members if member.usable} for each in cluster.state().balancers]


def members(cluster: Cluster) -> list[set[str]]:
    """What each balancer has in its pool at all."""
    return [{member.name for member in each.members} for each in cluster.state().balancers]


def scale(cluster: Cluster, count: int) -> None:
    command = [str(TESTBED), "up", "--scale", f"app={count}"]
    result = subprocess.run(command, cwd=cluster.settings.root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_another_node_joins_without_a_failed_request(cluster: Cluster, echo: Echo) -> None:
    count = len(cluster.fleet.machines(Role.APP))
    newcomer = f"app-{count + 1}"
    before = {each.name: each.started_at() for each in cluster.fleet.machines(Role.BALANCER)}
    try:
        with Run(cluster, "scale-up") as run:
            run.probe(only=["https"])
            run.load(Load.model_validate({"users": 4}))
            run.steady()
            scale(cluster, count + 1)
            wait_until(
                lambda: all(newcomer in names for names in usable(cluster)),
                60,
                f"both balancers to know {newcomer}",
                describe=lambda: usable(cluster),
            )
        journal = run.journal()
        pages = list(journal.probes["https"])
        failed = [each for each in pages if each.outcome is not Outcome.OK]
        # A request that the probe held back while a reloading Apache was slow was never sent, so it is not lost.
        lost = [each for each in failed if "unanswered" not in each.detail]
        report = check_outage(pages, limit=PAUSE_SECONDS)
        echo(f"{len(pages)} probes while {newcomer} joined, {len(lost)} lost, {len(failed) - len(lost)} held back")
        assert not lost, lost[0]
        assert report.ok, report.describe()
        requests = journal.of(RequestSample)
        bad = [each for each in requests if each.outcome is not Outcome.OK and each.cause != "unfinished"]
        assert not bad, bad[0]
        assert newcomer in {each.attrs.get("app") for each in pages}, "the newcomer answered no request"
        sticky = check_stickiness(requests)
        assert sticky.ok, sticky.describe()
        assert {each.name: each.started_at() for each in cluster.fleet.machines(Role.BALANCER)} == before
    finally:
        scale(cluster, count)
    wait_until(
        lambda: all(newcomer not in names for names in members(cluster)),
        10,
        f"both balancers to have dropped {newcomer}",
        describe=lambda: members(cluster),
    )


def test_decisions_stay_with_their_nodes(cluster: Cluster) -> None:
    """Who is drained stays so while others come and go; what was decided about a node leaves with it."""
    count = len(cluster.fleet.machines(Role.APP))
    newcomer = f"app-{count + 1}"
    balancers = cluster.fleet.machines(Role.BALANCER)
    try:
        pool_changes.change(cluster, "drain", WEBMAIL, "app-1")
        scale(cluster, count + 1)
        grown = Cluster()
        assert all(newcomer in found and "app-1" not in found for found in new_visitors(balancers))
        pool_changes.change(grown, "weight", WEBMAIL, newcomer, 7)
        pool_changes.change(grown, "disable", WEBMAIL, newcomer)
        scale(cluster, count)
        assert [pool_member.decisions(each) for each in balancers] == [(f"{WEBMAIL} app-1 draining 1",)] * 2
        scale(cluster, count + 1)
        assert [pool_member.decisions(each) for each in balancers] == [(f"{WEBMAIL} app-1 draining 1",)] * 2
        assert all(newcomer in found and "app-1" not in found for found in new_visitors(balancers))
    finally:
        for each in balancers:
            pool_member.set_decisions(each, [])
        scale(cluster, count)


def new_visitors(balancers: list[Machine]) -> list[Counter[str]]:
    """To which nodes each balancer sends new visitors; a node that has just joined may get all of the first ones."""
    return [visitors(each, 6) for each in balancers]
