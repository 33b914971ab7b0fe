"""The objects of the fixtures: the cluster with its run, and the record of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from testbed import report
from testbed.checks import Status, Verdict, check_durability, outage_of
from testbed.checks.durability import compare_with_rows
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.project import exists
from testbed.errors import TestbedError, UsageError
from testbed.faults import LedgerEntry, heal_all
from testbed.incidents.incident_model import Load
from testbed.incidents.run import Run
from testbed.incidents.runner import IncidentResult
from testbed.journal import Journal, Settled
from testbed.probes.attempted_work import attempted_work
from testbed.probes.sql import SqlWriteProbe


def require_cluster() -> Cluster:
    """Return the cluster that is up.

    Raises:
        UsageError: no cluster is up.
    """
    cluster = Cluster()
    if not exists(cluster.settings):
        raise UsageError("no cluster is up", fix="run `make testbed-up` first")
    return cluster


def heal_cluster(cluster: Cluster) -> None:
    """Heal all faults, and wait until the cluster is healthy."""
    with suppress(TestbedError):  # a fault that a stuck cluster keeps from being healed is healed by make_healthy
        heal_all(cluster.fleet, cluster.ledger)
    lifecycle.make_healthy(cluster)


def format_failure(result: IncidentResult) -> str:
    """Return why a run does not pass, one line for each check; empty if it passes."""
    wrong = [f"  {each.check}: {each.status.value}: {each.summary}" for each in result.verdicts if not each.holds]
    return "\n".join([f"the run's verdict is {result.status.value}; {result.folder}", *wrong]) if wrong else ""


class ClusterUnderTest:
    """The cluster under test: healthy before the test and after it.

    Args:
        cluster: the cluster that is up.
        name: what its run is called.
        on_begin: called with the run's folder when the run begins.
    """

    def __init__(self, cluster: Cluster, name: str, on_begin: Callable[[Path], None]) -> None:
        self.cluster = cluster
        self._name = name
        self._begun = on_begin
        self._run: Run | None = None
        self._running = ExitStack()
        self._ended = False

    @property
    def run(self) -> Run:
        """The run; the first use begins it."""
        if self._run is None:
            self._run = self._running.enter_context(Run(self.cluster, self._name))
            self._begun(self._run.folder)
        return self._run

    def steady(self, *, stable_for: float = 2.0, timeout: float = 90.0) -> None:
        """Wait until every user has a session and every probe is answered, ``stable_for`` seconds long."""
        self.run.steady(stable_for, timeout)

    def inject(self, fault: str, target: str, **options: Any) -> LedgerEntry:
        """Inject a fault: ``inject("cable-pull", "lb:active", network="public")``."""
        return self.run.inject(fault, target, options)

    def resign(self, node: str) -> LedgerEntry:
        """Make a node hand its virtual address over to its peer: ``resign("db:primary")``."""
        return self.run.resign(node)

    def heal(self) -> None:
        """Heal all faults."""
        self.run.heal()

    def wait(
        self, condition: str, *, stable_for: float = 1.0, timeout: float = 60.0, probes: Sequence[str] = ()
    ) -> None:
        """Wait for a condition, such as ``service`` or ``failed-over``."""
        self.run.wait(condition, stable_for=stable_for, timeout=timeout, probes=probes)

    def end(self) -> Run:
        """End load and probes, read the writes back, and make the cluster healthy; a second call does nothing."""
        run = self.run
        if not self._ended:
            self._ended = True
            try:
                self._running.close()
            finally:
                report.write_report(run.folder)
        return run

    def abandon(self) -> None:
        """End a run that the test did not end."""
        if self._run is not None:
            self.end()


class JournalFixture:
    """The record of a run; the first question ends the run.

    Args:
        cluster_under_test: it holds the run.
    """

    def __init__(self, cluster_under_test: ClusterUnderTest) -> None:
        self._cluster_under_test = cluster_under_test
        self._read: Journal | None = None

    @property
    def journal(self) -> Journal:
        """The run's journal."""
        if self._read is None:
            self._read = self._cluster_under_test.end().journal()
        return self._read

    def outage(self, probe: str) -> float:
        """Return the seconds of the longest outage that a probe saw; 0 if it saw none.

        Raises:
            UsageError: the probe did not run.
            TestbedError: the prober itself stood still, so the outage is unknown.
        """
        if probe not in self.journal.probes:
            raise UsageError(f"no probe {probe!r} ran", fix=f"ran: {', '.join(self.journal.probes) or 'none'}")
        report = outage_of(self.journal, probe)
        if report.unmeasured:
            raise TestbedError(
                f"the outage of {probe} is unknown: {report.unmeasured}", where=str(self._cluster_under_test.run.folder)
            )
        longest = report.longest
        return longest.seconds if longest else 0.0

    def lost_writes(self) -> list[str]:
        """Return the tokens of the writes that were acknowledged and are not there."""
        return list(check_durability(self.journal.probes[SqlWriteProbe.name], self.journal.of(Settled)).missing)

    def lost_work(self, application: str) -> list[str]:
        """Return the tokens of work that an application acknowledged, and that it does not show afterwards.

        Raises:
            UsageError: the application declares no ``read_back``.
            TestbedError: its work could not be read back.
        """
        journal = self.journal
        known = journal.plan.read_back if journal.plan else {}
        if application not in known:
            fix = f"declare it; these do: {', '.join(known) or 'none'}"
            raise UsageError(f"the application {application!r} declares no read_back", fix=fix)
        found = compare_with_rows(attempted_work(journal, application), journal.of(Settled), application)
        if found.unsettled:
            folder = str(self._cluster_under_test.run.folder)
            raise TestbedError(f"the work of {application} could not be read back", where=folder)
        return list(found.missing)

    def verdicts(self) -> Mapping[str, Verdict]:
        """Return each check's verdict by the check's name."""
        return {each.check: each for each in self._cluster_under_test.end().verdicts()}

    def failing(self) -> list[str]:
        """Return the checks that failed, each with its summary."""
        return [f"{name}: {each.summary}" for name, each in self.verdicts().items() if each.status is Status.FAIL]


class LoadStarter:
    """Starts users, of the webmail or of a Locust file: ``testbed_load(users=6, locustfile="users.py")``.

    Args:
        cluster_under_test: it holds the run.
    """

    def __init__(self, cluster_under_test: ClusterUnderTest) -> None:
        self._cluster_under_test = cluster_under_test

    def __call__(self, users: int = 6, **settings: Any) -> None:
        """Start so many users; ``settings`` are those of an incident file's ``load``."""
        self._cluster_under_test.run.load(Load(users=users, **settings))


class ProbeStarter:
    """Starts probes: ``testbed_probes("https", "sql-write")``.

    Args:
        cluster_under_test: it holds the run.
    """

    def __init__(self, cluster_under_test: ClusterUnderTest) -> None:
        self._cluster_under_test = cluster_under_test

    def __call__(self, *names: str) -> None:
        """Start the named probes; all when none is named."""
        self._cluster_under_test.run.probe(only=names)
