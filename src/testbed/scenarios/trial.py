"""One fault under load, measured from outside.

with Trial(cluster, "db-power-loss") as trial:
    trial.inject("power-loss", "db1")
    trial.wait_served(lambda state: state.primary_database == "db2")
    trial.heal()
recording = trial.recording
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

from testbed import faults
from testbed.checks import NodeEvent, node_events
from testbed.cluster import Cluster, ClusterState, lifecycle
from testbed.errors import TestbedError
from testbed.journal import Event, Mark, Outcome, ProbeSample, RequestSample, Writer, read
from testbed.scenarios.recording import Recording
from testbed.scenarios.task import Task, end_strays
from testbed.topology import Role
from testbed.wait import wait_until

E = TypeVar("E", bound=Event)

LIMIT_SECONDS = 600
STEADY_SECONDS = 90.0
QUIET_SECONDS = 2.0
# Longer than it takes a balancer to give a dead app node up: a slow page is no failed page.
PATIENCE_SECONDS = 5.0
HEAL_SECONDS = 150.0
# Asking costs the machines under test processor time, which they need for what is measured.
POLL_SECONDS = 1.0


class Trial:
    """Load and probes around a fault.

    Args:
        cluster: a healthy cluster.
        name: what the run is called.
        users: webmail users in the background, each with a session before the fault.
        think: factor on the users' thinking times.
    """

    def __init__(self, cluster: Cluster, name: str, *, users: int = 6, think: float = 0.3) -> None:
        self._cluster = cluster
        self._users = users
        self._think = think
        stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        self.folder = cluster.settings.state_dir / "runs" / f"{stamp}-{name}"
        self._inside = f"/runs/{self.folder.name}"
        self._tasks: list[Task] = []
        self._fault_at = 0.0
        self._recording: Recording | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self._host = Writer(self.folder / "host.jsonl", "host", trial=self.folder.name)
        self._started = time.time()
        try:
            self._start()
            wait_until(
                self._steady, STEADY_SECONDS, "a steady state",
                hint=f"see {self.folder}", interval=POLL_SECONDS, describe=self._seen,
            )  # fmt: skip
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop()
        finally:
            faults.heal_all(self._cluster.fleet, self._cluster.ledger)
        if error is None:
            self._settle()
            self._recording = Recording(self.folder, self._fault_at, self._events())

    @property
    def recording(self) -> Recording:
        """What was recorded; there when the block has ended."""
        if self._recording is None:
            raise TestbedError("the trial has not ended well: there is no recording", where=str(self.folder))
        return self._recording

    def inject(self, fault: str, node: str, networks: Sequence[str] = ()) -> None:
        """Inject the trial's fault."""
        self._host.write(Mark("fault", node, {"fault": fault, "networks": " ".join(networks)}))
        self._fault_at = time.monotonic()
        faults.inject(
            self._cluster.fleet, self._cluster.ledger, fault, node, {"network": list(networks)} if networks else {}
        )

    def wait_served(self, taken_over: Callable[[ClusterState], bool], deadline: float = 60) -> None:
        """Wait until the survivor has taken over and both probes have been answered for a while.

        Args:
            taken_over: whether the cluster is in the state the failover should end in.
            deadline: seconds.
        """
        wait_until(
            # In this order: to ask the machines costs them time while they take over.
            lambda: self._quiet(since=self._fault_at) and taken_over(self._cluster.state()),
            deadline,
            "service after the fault",
            hint=f"see {self.folder} and `testbed logs --events`",
            interval=POLL_SECONDS,
            describe=lambda: f"{self._seen()}; {self._cluster.state()}",
        )

    def wait_everyone_served(self, deadline: float = 90) -> None:
        """Wait until every user has had a good answer to a request sent after the fault."""

        def served() -> bool:
            requests = self._so_far("load", RequestSample)
            # Redirects and half a login are no service yet.
            done = [each for each in requests if each.outcome is Outcome.OK and not each.cause]
            good = {each.user for each in done if each.started > self._fault_at}
            return len(good) >= self._users

        wait_until(
            served,
            deadline,
            "every user to be served again",
            hint=f"see {self.folder}",
            interval=POLL_SECONDS,
            describe=self._seen,
        )

    def heal(self) -> None:
        """Heal the fault, under load, and wait until the cluster is whole again."""
        self._host.write(Mark("heal"))
        faults.heal_all(self._cluster.fleet, self._cluster.ledger)
        lifecycle.wait_healthy(self._cluster, HEAL_SECONDS)
        wait_until(lambda: self._quiet(since=0), 30, "undisturbed probes", interval=POLL_SECONDS, describe=self._seen)

    def _start(self) -> None:
        [client] = self._cluster.fleet.machines(Role.CLIENT)
        [observer] = self._cluster.fleet.machines(Role.OBSERVER)
        probe = ["python3", "-m"]
        limit = ["--seconds", str(LIMIT_SECONDS)]
        site = f"https://{self._cluster.topology.site.name}"
        http = [*probe, "testbed.probes.http", "--url", f"{site}/alive", "--timeout", f"{PATIENCE_SECONDS:g}"]
        http += ["--journal", f"{self._inside}/http.jsonl", *limit]
        sql = [*probe, "testbed.probes.sql", "--journal", f"{self._inside}/sql.jsonl", *limit]
        load = ["locust", "-f", "/opt/testbed/loadtests", "--headless", "--only-summary"]
        load += ["--users", str(self._users), "--spawn-rate", "2", "--run-time", f"{LIMIT_SECONDS}s"]
        load += ["--think-scale", str(self._think)]
        journal = {"TESTBED_JOURNAL": f"{self._inside}/load.jsonl"}
        for machine in (client, observer):
            end_strays(machine)
        self._tasks.append(Task.start(observer, sql, f"{self._inside}/sql.log"))
        self._tasks.append(Task.start(client, http, f"{self._inside}/http.log"))
        self._tasks.append(Task.start(client, load, f"{self._inside}/load.log", journal))

    def _stop(self) -> None:
        """End load before probes, so that its last requests are still probed."""
        self._host.close()
        while self._tasks:
            self._tasks.pop().stop()

    def _settle(self) -> None:
        [observer] = self._cluster.fleet.machines(Role.OBSERVER)
        command = ["python3", "-m", "testbed.probes.settle", "--journal", f"{self._inside}/sql.jsonl"]
        result = observer.exec(command, timeout=90)
        if result.status:
            raise TestbedError(f"the writes could not be read back: {result.stderr.strip()}", where=str(self.folder))

    def _steady(self) -> bool:
        """Every user has logged in, and both probes are answered."""
        return len(self._sessions()) >= self._users and self._quiet(since=0)

    def _sessions(self) -> set[str]:
        requests = self._so_far("load", RequestSample)
        # A login takes several exchanges; only the last of them, without a remark, brings the session.
        return {
            each.user for each in requests if each.action == "log in" and each.outcome is Outcome.OK and not each.cause
        }

    def _quiet(self, since: float) -> bool:
        """Whether both probes had good answers only, for a while, all of it after ``since``."""
        begin = max(time.monotonic() - QUIET_SECONDS, since)
        for name in ("http", "sql"):
            recent = [each for each in self._so_far(name, ProbeSample) if each.scheduled >= begin]
            if not recent or any(each.outcome is not Outcome.OK for each in recent):
                return False
            if time.monotonic() - begin < QUIET_SECONDS:
                return False
        return True

    def _so_far(self, name: str, kind: type[E]) -> list[E]:
        """What a journal of this trial holds by now; nothing when its writer has not begun yet."""
        path = self.folder / f"{name}.jsonl"
        return read(path).of(kind) if path.exists() else []

    def _seen(self) -> str:
        parts = [f"{len(self._sessions())} of {self._users} users logged in"]
        for name in ("http", "sql"):
            last = next(reversed(self._so_far(name, ProbeSample)), None)
            parts.append(f"{name}: {f'{last.outcome} {last.detail}' if last else 'no sample yet'}")
        return "; ".join(parts)

    def _events(self) -> list[NodeEvent]:
        """What the nodes said since the trial began, on the host's monotonic clock."""
        offset = time.time() - time.monotonic()
        events: list[NodeEvent] = []
        for machine in self._cluster.fleet.machines():
            lines = ((line.wall, line.text) for line in machine.logs(since=self._started))
            events += node_events(machine.name, lines, offset)
        return sorted(events, key=lambda event: event.at)
