"""The real cluster, whole before each test and whole after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.checks import Phases
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.project import exists
from testbed.faults import heal_all
from testbed.scenarios import Recording

HEALTHY_SECONDS = 150.0


@pytest.fixture(scope="session")
def running() -> Cluster:
    """The cluster that is up."""
    cluster = Cluster()
    if not exists(cluster.settings):
        pytest.exit("no cluster is up: run `make testbed-up` first", returncode=2)
    return cluster


@pytest.fixture
def cluster(running: Cluster) -> Iterator[Cluster]:
    """The cluster, with every fault healed; a test that leaves it damaged fails."""
    heal_all(running.fleet, running.ledger)
    lifecycle.wait_healthy(running, HEALTHY_SECONDS)
    yield running
    heal_all(running.fleet, running.ledger)
    lifecycle.wait_healthy(running, HEALTHY_SECONDS)


@pytest.fixture
def tell(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Prints measurements where a passing test's output would be hidden."""
    return Tell(request.node.name, capsys)


class Tell:
    """Tells what was measured, and keeps it for JUnit."""

    def __init__(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._name = name
        self._capsys = capsys

    def __call__(self, text: str) -> None:
        with self._capsys.disabled():
            print(f"\n    {self._name}: {text}", end="", flush=True)

    def outage(self, recording: Recording, probe: str) -> None:
        """The outage a probe saw."""
        worst = recording.outage(probe).longest
        self(f"{probe} outage {worst.seconds:.2f} s" if worst else f"{probe}: no outage")

    def phases(self, phases: Phases) -> None:
        """The phases of the failover, as far as known."""
        self(", ".join(f"{name} {at:+.2f} s" for name, at in phases.rows() if at is not None))
