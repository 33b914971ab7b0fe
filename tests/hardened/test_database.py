"""The holes of the database, closed: whatever becomes of the primary, nothing acknowledged is lost and one writes.

Each test names a failure that costs the design of 2006 writes, an owner or its service, or that the cure could bring.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.cluster import Cluster
from testbed.designs.drbd.drbd_arbiter import DrbdArbiterState
from testbed.pytest_plugin.cluster_under_test import ClusterUnderTest, JournalFixture
from testbed.topology import Role
from testbed.wait import wait_until

# Of a machine without hardware virtualisation that has other things to do as well.
TAKEN_OVER_SECONDS = 60.0


def alone(cluster: Cluster) -> str:
    """Who has the data alone."""
    [arbiter] = cluster.state().arbiters
    return arbiter.alone if isinstance(arbiter, DrbdArbiterState) and arbiter.reachable else "unknown"


def fenced(cluster: Cluster) -> list[str]:
    """Which machines' power the arbiter has cut, or found to be off."""
    [arbiter] = cluster.fleet.machines(Role.ARBITER)
    return [line.text for line in arbiter.logs() if "event=fenced" in line.text]


def turned_away(cluster: Cluster) -> str:
    """How many callers the server that serves has answered only to say that it is starting up."""
    primary = cluster.machine(str(cluster.state().primary_database))
    return primary.exec(["grep", "-c", "the database system is starting up", "/var/log/postgresql.log"]).stdout.strip()


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("power-loss", {}),
        ("freeze", {}),
        ("silent-cut", {"network": "backend"}),
        ("process-kill", {"process": "postgres"}),
        ("process-hang", {"process": "postgres"}),
    ],
    ids=["power-loss", "freeze", "silent-cut-backend", "postgres-killed", "postgres-hung"],
)
def test_the_peer_takes_over_with_all_that_was_acknowledged(
    testbed: ClusterUnderTest,
    testbed_probes: Callable[..., None],
    testbed_journal: JournalFixture,
    fault: str,
    options: dict[str, str],
) -> None:
    testbed_probes("sql-write")
    testbed.steady()
    victim = testbed.cluster.state().primary_database
    testbed.inject(fault, "db:primary", **options)
    testbed.wait("failed-over", timeout=TAKEN_OVER_SECONDS)
    testbed.wait("service", stable_for=2, timeout=TAKEN_OVER_SECONDS)
    testbed.heal()
    testbed.wait("service", stable_for=3, timeout=TAKEN_OVER_SECONDS)
    assert testbed.cluster.state().primary_database != victim
    assert turned_away(testbed.cluster) == "0"
    assert testbed_journal.lost_writes() == []


@pytest.mark.parametrize("target", ["db:primary", "db:standby"])
def test_a_cut_of_replication_alone_moves_nothing(
    testbed: ClusterUnderTest, testbed_probes: Callable[..., None], testbed_journal: JournalFixture, target: str
) -> None:
    """The primary stands still until the arbiter has written down that it is alone; its peer is not cut."""
    testbed_probes("sql-write")
    testbed.steady()
    owner, before = testbed.cluster.state().primary_database, fenced(testbed.cluster)
    testbed.inject("silent-cut", target, network="replication")
    wait_until(lambda: alone(testbed.cluster) == owner, TAKEN_OVER_SECONDS, f"{owner} to have the data alone")
    testbed.wait("service", stable_for=2, timeout=TAKEN_OVER_SECONDS)
    testbed.heal()
    wait_until(lambda: not alone(testbed.cluster), TAKEN_OVER_SECONDS, "both copies to be whole")
    assert testbed.cluster.state().primary_database == owner
    assert fenced(testbed.cluster) == before
    assert testbed_journal.lost_writes() == []


def test_old_data_is_never_served_and_the_address_not_stranded(
    testbed: ClusterUnderTest, testbed_probes: Callable[..., None], testbed_journal: JournalFixture
) -> None:
    """The standby has fallen behind, then the primary is lost: no service is better than old data."""
    testbed_probes("sql-write")
    testbed.steady()
    cluster = testbed.cluster
    owner = cluster.state().primary_database
    [standby] = [each.node for each in cluster.state().databases if each.node != owner]
    testbed.inject("silent-cut", "db:primary", network="replication")
    wait_until(lambda: alone(cluster) == owner, TAKEN_OVER_SECONDS, f"{owner} to have the data alone")
    testbed.inject("power-loss", "db:primary")
    [arbiter] = cluster.fleet.machines(Role.ARBITER)
    wait_until(
        lambda: any(f"fence-refused node={standby}" in line.text for line in arbiter.logs()),
        TAKEN_OVER_SECONDS, f"{standby} to be refused",
    )  # fmt: skip
    assert not any(each.holds_address for each in cluster.state().databases)
    testbed.heal()
    testbed.wait("service", stable_for=2, timeout=2 * TAKEN_OVER_SECONDS)
    # Either node may serve: the standby may once it is up to date.
    assert testbed_journal.lost_writes() == []


def test_without_the_arbiter_the_service_goes_on(
    testbed: ClusterUnderTest, testbed_probes: Callable[..., None], testbed_journal: JournalFixture
) -> None:
    testbed_probes("sql-write")
    testbed.steady()
    owner = testbed.cluster.state().primary_database
    testbed.inject("power-loss", "arbiter")
    testbed.wait("service", stable_for=3)
    testbed.heal()
    assert testbed.cluster.state().primary_database == owner
    assert testbed_journal.lost_writes() == []
