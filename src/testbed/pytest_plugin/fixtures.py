"""The fixtures of the plugin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from testbed.pytest_plugin.report_links import add_report_link
from testbed.pytest_plugin.session_lock import acquire_session_lock

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from testbed.incidents.runner import IncidentResult
    from testbed.pytest_plugin.cluster_under_test import ClusterUnderTest, JournalFixture, LoadStarter, ProbeStarter


@pytest.fixture(scope="session")
def testbed_lock(request: pytest.FixtureRequest) -> None:
    """The lock on the cluster, from the first test that requests it to the end of the session."""
    from testbed.errors import UsageError

    try:
        acquire_session_lock(request.config)
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def testbed_cluster(testbed_lock: None) -> Cluster:  # noqa: ARG001 - first the lock, then the cluster
    """The cluster that is up."""
    from testbed.errors import UsageError
    from testbed.pytest_plugin.cluster_under_test import require_cluster

    try:
        return require_cluster()
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def testbed(testbed_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[ClusterUnderTest]:
    """The cluster, healthy before the test and after it; the faults of the test are healed."""
    from testbed.pytest_plugin.cluster_under_test import ClusterUnderTest, heal_cluster

    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-") or "test"
    cluster_under_test = ClusterUnderTest(testbed_cluster, name, lambda folder: add_report_link(request.node, folder))
    heal_cluster(testbed_cluster)
    try:
        yield cluster_under_test
    finally:
        try:
            cluster_under_test.abandon()
        finally:
            heal_cluster(testbed_cluster)


@pytest.fixture
def testbed_load(testbed: ClusterUnderTest) -> LoadStarter:
    """Starts webmail users for this test."""
    from testbed.pytest_plugin.cluster_under_test import LoadStarter

    return LoadStarter(testbed)


@pytest.fixture
def testbed_probes(testbed: ClusterUnderTest) -> ProbeStarter:
    """Starts probes for this test."""
    from testbed.pytest_plugin.cluster_under_test import ProbeStarter

    return ProbeStarter(testbed)


@pytest.fixture
def testbed_journal(testbed: ClusterUnderTest) -> JournalFixture:
    """The record of the run; the first question ends the run."""
    from testbed.pytest_plugin.cluster_under_test import JournalFixture

    return JournalFixture(testbed)


@pytest.fixture
def testbed_played(testbed_cluster: Cluster, request: pytest.FixtureRequest) -> list[IncidentResult]:
    """The results of the incident that the test's ``incident`` marker names."""
    from testbed.incidents.cluster_loader import load_for_cluster
    from testbed.incidents.runner import play_repeats

    marker = request.node.get_closest_marker("incident")
    if marker is None or not marker.args:
        pytest.fail("no incident is named: mark the test with @pytest.mark.incident('NAME')", pytrace=False)
    option = request.config.getoption
    return list(
        play_repeats(
            testbed_cluster,
            load_for_cluster(marker.args[0], testbed_cluster.settings),
            seed=marker.kwargs.get("seed") if option("testbed_seed") is None else option("testbed_seed"),
            repeat=option("testbed_repeat") or marker.kwargs.get("repeat"),
            keep=option("testbed_no_heal"),
            on_begin=lambda folder: add_report_link(request.node, folder),
        )
    )
