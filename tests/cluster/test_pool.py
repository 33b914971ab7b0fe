"""The pool under load: nodes drained, weighed, taken out and put back on both balancers, and what that survives."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from echo import Echo
from platforms import platform_of
from testbed import faults
from testbed.cluster import Cluster, lifecycle, pool_changes
from testbed.errors import TestbedError, UsageError
from testbed.incidents.incident_model import Load
from testbed.incidents.run import Run
from testbed.journal import Outcome, RequestSample
from testbed.machines import Machine
from testbed.roles import pool_member
from testbed.topology import Role
from testbed.wait import elapse, wait_until
from visiting import stays, visitors

WEBMAIL = "webmail"
TESTBED = Path(sys.executable).with_name("testbed")


@pytest.fixture
def decided(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster on which decisions are dropped at the end, whatever became of the test."""
    yield cluster
    for each in cluster.fleet.machines(Role.BALANCER):
        pool_member.set_decisions(each, [])


def balancers(cluster: Cluster) -> list[Machine]:
    return cluster.fleet.machines(Role.BALANCER)


def states(cluster: Cluster, node: str) -> set[str]:
    """A node's state in the webmail's pool, as the balancers have it."""
    return {row.state.strip() for row in pool_changes.overview(cluster) if (row.pool, row.node) == (WEBMAIL, node)}


def test_draining_under_load_loses_nothing(decided: Cluster, echo: Echo) -> None:
    """Who is there stays, who comes goes elsewhere, and no request is lost: neither by drain nor by enable."""
    with Run(decided, "pool-drain") as run:
        run.probe(only=["https"])
        run.load(
            Load.model_validate({"users": 4, "think_time": "20%", "actions": {"inbox": 5, "read": 5, "log out": 2}})
        )
        run.steady()
        drained_node = min(users_on(run))
        [other] = {"app-1", "app-2"} - {drained_node}
        pool_changes.change(decided, "drain", WEBMAIL, drained_node)
        drained = time.monotonic()
        for each in balancers(decided):
            assert set(visitors(each, 6)) == {other}, each.name
        # Whose cookie names it is served by it still.
        assert stays(balancers(decided)[0], drained_node) == drained_node
        elapse(6)
        pool_changes.change(decided, "enable", WEBMAIL, drained_node)
        wait_until(lambda: visitors(balancers(decided)[0], 4)[drained_node], 20, "new visitors on it again")
    journal = run.journal()
    probes = list(journal.probes["https"])
    lost = [each for each in probes if each.outcome is not Outcome.OK and "unanswered" not in each.detail]
    requests = journal.of(RequestSample)
    bad = [each for each in requests if each.outcome is not Outcome.OK and each.cause != "unfinished"]
    assert not lost, lost[0]
    assert not bad, bad[0]
    begun = {each.session: each.started for each in reversed(requests)}
    stayed = [each for each in requests if each.app == drained_node and each.started > drained]
    assert all(begun[each.session] <= drained or each.started > drained + 6 for each in stayed)
    echo(f"{len(probes)} probes, {len(requests)} requests, none lost; {len(stayed)} on {drained_node} afterwards")


def users_on(run: Run) -> set[str]:
    return {each.app for each in run.journal().of(RequestSample) if each.app}


def test_decisions_outlive_reload_restart_and_reboot(decided: Cluster) -> None:
    pool_changes.change(decided, "drain", WEBMAIL, "app-1")
    pool_changes.change(decided, "weight", WEBMAIL, "app-2", 50)
    lb1, lb2 = balancers(decided)
    platform = platform_of(lb1)
    for script in (platform.reload, platform.restart):
        assert lb1.exec(["sh", "-c", script]).status == 0
        wait_until(lambda: lb1.exec(["sh", "-c", platform.answers]).status == 0, 20, "Apache to answer")
        visitors(lb1, 2)
        assert states(decided, "app-1") == {"Init Drn Ok"}
        assert weights(decided) == {"app-1": {1.0}, "app-2": {50.0}}
    standby = lb2 if decided.state().active_balancer == lb1.name else lb1
    standby.reset()
    drained = {"Init Drn Ok"}
    wait_until(lambda: states(decided, "app-1") == drained, platform.boot_seconds, "the balancer to drain as before")
    assert weights(decided) == {"app-1": {1.0}, "app-2": {50.0}}
    # A decision is not an error, so the cluster is healthy with it.
    lifecycle.wait_healthy(decided, 60)


def weights(cluster: Cluster) -> dict[str, set[float]]:
    found: dict[str, set[float]] = {}
    for row in pool_changes.overview(cluster):
        if row.pool == WEBMAIL:
            found.setdefault(row.node, set()).add(row.weight)
    return found


def test_weight_shifts_new_sessions(decided: Cluster, echo: Echo) -> None:
    pool_changes.change(decided, "weight", WEBMAIL, "app-2", 4)
    for each in balancers(decided):
        seen = visitors(each, 40)
        assert 6 <= seen["app-1"] <= 10, seen
        assert seen["app-1"] + seen["app-2"] == 40
    echo(f"weights 1 and 4: {dict(seen)}")


def test_out_of_the_pool_and_back(decided: Cluster) -> None:
    pool_changes.change(decided, "remove", WEBMAIL, "app-1")
    assert states(decided, "app-1") == {"removed"}
    for each in balancers(decided):
        assert set(visitors(each, 4)) == {"app-2"}
        assert stays(each, "app-1") == "app-2"
    with pytest.raises(UsageError, match="app-1 is not in the pool of webmail"):
        pool_changes.change(decided, "drain", WEBMAIL, "app-1")
    pool_changes.change(decided, "add", WEBMAIL, "app-1")
    assert states(decided, "app-1") == {"Init Ok"}


def test_disabled_is_out_at_once_and_listed(decided: Cluster) -> None:
    pool_changes.change(decided, "disable", WEBMAIL, "app-2")
    assert states(decided, "app-2") == {"Init Dis"}
    assert stays(balancers(decided)[0], "app-2") == "app-1"
    listed = json.loads(testbed(decided, "pool", "list", "--json").stdout)
    rows = {(each["balancer"], each["node"]): each for each in listed if each["pool"] == WEBMAIL}
    assert len(rows) == 4
    for each in rows.values():
        assert each["elected"] >= 0
        assert (each["busy"], each["retries"]) == (0, 0)
        assert isinstance(each["sessions"], int)
    assert rows["lb1", "app-1"]["received"] > 0
    assert rows["lb1", "app-1"]["elected"] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("drain nothing app-1", "no application 'nothing'; the applications are "),
        ("drain webmail app-9", "no app node 'app-9'; webmail runs on app-1, app-2"),
        ("add webmail app-1", "app-1 is in the pool of webmail already"),
        ("weight webmail app-1 0", "0 is not a weight; use an integer from 1 to 100"),
    ],
)
def test_an_invalid_change_is_refused(decided: Cluster, change: str, message: str) -> None:
    before = [pool_member.decisions(each) for each in balancers(decided)]
    result = testbed(decided, "pool", *change.split())
    assert (result.returncode, message in result.stderr) == (2, True), result.stderr
    assert [pool_member.decisions(each) for each in balancers(decided)] == before


def test_the_last_node_stays(decided: Cluster) -> None:
    pool_changes.change(decided, "drain", WEBMAIL, "app-1")
    for verb in ("drain", "disable", "remove"):
        with pytest.raises(UsageError, match="app-2 is the last node that takes new sessions of webmail"):
            pool_changes.change(decided, verb, WEBMAIL, "app-2")
    assert states(decided, "app-2") == {"Init Ok"}


def test_one_balancer_that_cannot_leaves_the_other_as_it_was(decided: Cluster) -> None:
    """A frozen one is refused before anything; one whose Apache hangs is noticed after the first was changed."""
    lb1, lb2 = balancers(decided)
    lb2.pause()
    try:
        with pytest.raises(TestbedError, match="lb2: it is frozen"):
            pool_changes.change(decided, "drain", WEBMAIL, "app-1")
    finally:
        lb2.unpause()
    faults.inject(decided.fleet, decided.ledger, "process-hang", "lb2", {"process": "apache"})
    try:
        with pytest.raises(TestbedError, match="lb2: its Apache does not show its pools; nothing was changed"):
            pool_changes.change(decided, "drain", WEBMAIL, "app-1")
    finally:
        faults.heal_all(decided.fleet, decided.ledger)
    assert pool_member.decisions(lb1) == ()
    assert states(decided, "app-1") == {"Init Ok"}


def testbed(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(TESTBED), *arguments]
    return subprocess.run(command, cwd=cluster.settings.root, capture_output=True, text=True, check=False)


testbed.__test__ = False  # type: ignore[attr-defined]
