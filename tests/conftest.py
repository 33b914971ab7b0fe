"""The real cluster, whole before each test and whole after it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import composed
import pytest

from echo import Echo
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.project import exists
from testbed.faults import heal_all
from testbed.topology import compose


def pytest_configure() -> None:
    """Let commands that a test starts hear Ctrl-C: a shell without job control has background commands ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def apart_from_any_cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests get what Compose printed when it was recorded, and remove no sockets of a cluster that is up."""
    if request.path.parent.name == "unit":
        monkeypatch.setattr(compose, "compose_config", composed.recorded)
        monkeypatch.setenv("TESTBED_RUN", f"/tmp/testbed-unit-test-{os.getpid()}")  # noqa: S108 - never made


@pytest.fixture(scope="session")
def running(testbed_lock: None) -> Cluster:  # noqa: ARG001 - first the lock, then the cluster
    """The cluster that is up; no other process changes it until the session ends."""
    cluster = Cluster()
    if not exists(cluster.settings):
        pytest.exit("no cluster is up: run `make testbed-up` first", returncode=2)
    return cluster


@pytest.fixture
def cluster(running: Cluster) -> Iterator[Cluster]:
    """The cluster, with every fault healed; a test that leaves it damaged fails."""
    heal_all(running.fleet, running.ledger)
    lifecycle.make_healthy(running)
    yield running
    heal_all(running.fleet, running.ledger)
    lifecycle.wait_healthy(running)


@pytest.fixture
def echo(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Echo:
    """Prints measurements where a passing test's output would be hidden."""
    return Echo(request.node.name, capsys)
