"""A prober that stands still cannot see an outage: the outage is unknown, and not as long as the standstill."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed.errors import TestbedError
from testbed.pytest_plugin.cluster_under_test import ClusterUnderTest, JournalFixture
from testbed.topology import Role
from testbed.wait import elapse

SECONDS = 4.0


def test_the_outage_is_unknown_while_the_client_is_paused(
    testbed: ClusterUnderTest, testbed_probes: Callable[..., None], testbed_journal: JournalFixture
) -> None:
    testbed_probes("tcp", "https")
    testbed.steady()
    client = next(iter(testbed.cluster.fleet.machines(Role.CLIENT)))
    client.pause()  # what `docker pause` does: processes stop, and nothing is injected on record
    try:
        elapse(SECONDS)
    finally:
        client.unpause()
    testbed.wait("service", stable_for=2)
    for probe in ("tcp", "https"):
        with pytest.raises(TestbedError, match="stood still"):
            testbed_journal.outage(probe)
