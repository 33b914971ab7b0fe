"""The database is handed over gracefully: no client is left waiting, and the address has one owner at a time."""

from __future__ import annotations

from collections.abc import Callable

from testbed.checks import Status
from testbed.pytest_plugin.cluster_under_test import ClusterUnderTest, JournalFixture

# The peer waits for some seconds of silence; a machine without hardware virtualisation adds to them.
TAKEN_OVER_SECONDS = 60.0


def test_an_orderly_hand_over_has_one_owner_at_a_time(
    testbed: ClusterUnderTest, testbed_probes: Callable[..., None], testbed_journal: JournalFixture
) -> None:
    testbed_probes("sql-write")
    testbed.steady()
    before = testbed.cluster.state().primary_database
    testbed.resign("db:primary")
    testbed.wait("failed-over", timeout=TAKEN_OVER_SECONDS)
    testbed.wait("service", stable_for=2, timeout=TAKEN_OVER_SECONDS)
    assert testbed.cluster.state().primary_database != before
    ownership = testbed_journal.verdicts()["ownership"]
    assert ownership.status is Status.PASS, ownership
    assert testbed_journal.lost_writes() == []
