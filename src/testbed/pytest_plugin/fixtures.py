"""The fixtures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from testbed.pytest_plugin.reports import remember
from testbed.pytest_plugin.turn import take_turn

if TYPE_CHECKING:
    from testbed.cluster import Cluster
    from testbed.incidents.runner import Result
    from testbed.pytest_plugin.bed import Bed, Findings, LoadStarter, ProbeStarter


@pytest.fixture(scope="session")
def testbed_lock(request: pytest.FixtureRequest) -> None:
    """The cluster is this session's from its first test that requests it to its end; others are refused or wait."""
    from testbed.errors import UsageError

    try:
        take_turn(request.config)
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def testbed_cluster(testbed_lock: None) -> Cluster:  # noqa: ARG001 - first the lock, then the cluster
    """The cluster that is up."""
    from testbed.errors import UsageError
    from testbed.pytest_plugin.bed import running

    try:
        return running()
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def testbed(testbed_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Bed]:
    """The cluster, whole before the test and whole after it; what the test breaks is healed."""
    from testbed.pytest_plugin.bed import Bed, whole

    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-") or "test"
    bed = Bed(testbed_cluster, name, lambda folder: remember(request.node, folder))
    whole(testbed_cluster)
    try:
        yield bed
    finally:
        try:
            bed.abandon()
        finally:
            whole(testbed_cluster)


@pytest.fixture
def load(testbed: Bed) -> LoadStarter:
    """Webmail users at work, for this test."""
    from testbed.pytest_plugin.bed import LoadStarter

    return LoadStarter(testbed)


@pytest.fixture
def probes(testbed: Bed) -> ProbeStarter:
    """Probes from outside, for this test."""
    from testbed.pytest_plugin.bed import ProbeStarter

    return ProbeStarter(testbed)


@pytest.fixture
def journal(testbed: Bed) -> Findings:
    """What the run recorded; to ask it ends the run."""
    from testbed.pytest_plugin.bed import Findings

    return Findings(testbed)


@pytest.fixture
def played(testbed_cluster: Cluster, request: pytest.FixtureRequest) -> list[Result]:
    """The results of the incident that the test's ``incident`` marker names."""
    from testbed.incidents.cluster_loader import load_for_cluster
    from testbed.incidents.runner import play_all

    marker = request.node.get_closest_marker("incident")
    if marker is None or not marker.args:
        pytest.fail("no incident is named: mark the test with @pytest.mark.incident('NAME')", pytrace=False)
    option = request.config.getoption
    return play_all(
        testbed_cluster,
        load_for_cluster(marker.args[0], testbed_cluster.settings),
        seed=marker.kwargs.get("seed") if option("testbed_seed") is None else option("testbed_seed"),
        repeat=option("testbed_repeat") or marker.kwargs.get("repeat"),
        keep=option("testbed_keep"),
        begun=lambda folder: remember(request.node, folder),
    )
