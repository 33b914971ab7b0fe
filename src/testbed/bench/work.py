"""Webmail users at work for a while: how long they wait, what that costs whom, and what an app node's death costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.bench.idle import idle
from testbed.checks import check_stickiness
from testbed.cluster import Cluster, lifecycle
from testbed.errors import TestbedError
from testbed.incidents.incident_model import Load
from testbed.incidents.run import Run
from testbed.journal import Mark, Outcome, RequestSample
from testbed.report import Distribution
from testbed.topology import Role
from testbed.wait import elapse

# Logins cost more than what follows, and are over by then.
WARM_SECONDS = 10.0
RETURN_SECONDS = 90.0
# Asked where the webmail runs, as the webmail: a query's first column, a line each.
_QUERY = """
$node = parse_ini_file('/etc/horde/node.ini');
$dsn = "pgsql:host={$node['database_host']};port={$node['database_port']};dbname=horde";
$db = new PDO($dsn, 'horde', $node['database_password']);
echo implode(PHP_EOL, $db->query($argv[1])->fetchAll(PDO::FETCH_COLUMN));
"""
_TRANSACTIONS = "select xact_commit + xact_rollback from pg_stat_database where datname = 'horde'"
_ROW_SIZES = "select octet_length(session_data) from horde_sessionhandler"
_FILE_SIZES = "find /var/lib/php/sessions -name 'sess_*' -printf '%s\\n'"


@dataclass(frozen=True, slots=True)
class Work:
    """What users saw, and what it cost.

    Attributes:
        site: where the users were.
        folder: the run it was measured in.
        seconds: how long was measured.
        latencies: of the good exchanges, seconds.
        cores: processor cores that each machine kept busy.
        transactions: of the webmail's database, a second.
        sessions: bytes of each session.
        logins: users who had to log in again because an app node died; None: none was killed.
    """

    site: str
    folder: Path
    seconds: float
    latencies: tuple[float, ...]
    cores: Mapping[str, float]
    transactions: float
    sessions: tuple[int, ...]
    logins: int | None

    @property
    def rate(self) -> float:
        """Good exchanges a second."""
        return len(self.latencies) / self.seconds

    @property
    def latency(self) -> Distribution:
        """How long users waited for a good exchange, in milliseconds."""
        return Distribution.of([seconds * 1000 for seconds in self.latencies])

    @property
    def size(self) -> float:
        """Mean size of a session, KiB; 0 if there was none."""
        return sum(self.sessions) / len(self.sessions) / 1024 if self.sessions else 0.0

    @property
    def php(self) -> str:
        """What the names of the machines begin with on which the webmail ran."""
        return "app" if self.site == "cluster" else self.site

    def count(self, beginning: str) -> int:
        """How many machines have names that begin so."""
        return sum(name.startswith(beginning) for name in self.cores)

    def busy(self, *beginnings: str) -> float:
        """Processor cores kept busy by the machines whose names begin so."""
        return sum(cores for name, cores in self.cores.items() if name.startswith(beginnings))

    def cost(self, *beginnings: str) -> float:
        """Milliseconds of processor time for a good exchange, of the machines whose names begin so."""
        return self.busy(*beginnings) * 1000 / self.rate


def work(cluster: Cluster, name: str, load: Load, seconds: float, site: str = "cluster", *, kill: bool = False) -> Work:
    """Have users work, count, and at the end cut an app node's power if that is asked for.

    Args:
        cluster: a cluster that is up.
        name: of the run, which is kept with its journal.
        load: the users.
        seconds: how long is counted, after all of them have logged in.
        site: where they go.
        kill: whether an app node is to die after the counting.

    Raises:
        TestbedError: somebody is not served.
    """
    lifecycle.wait_healthy(cluster)
    with Run(cluster, name, site=site) as run:
        run.load(load)
        run.steady(timeout=RETURN_SECONDS)
        elapse(WARM_SECONDS)
        run.mark("counting")
        before = _transactions(cluster)
        costs = idle(cluster, seconds)
        run.mark("counted")
        transactions = _transactions(cluster) - before
        sizes = session_sizes(cluster)
        if kill:
            run.inject("power-loss", "app:any")
            run.wait("all-users-served", timeout=RETURN_SECONDS)
            run.heal()
    journal = run.journal()
    marks = {each.name: each.at for each in journal.of(Mark)}
    passed = marks["counted"] - marks["counting"]  # the engine takes its time to report what each container used
    requests = journal.of(RequestSample)
    project = f"{cluster.settings.project}-"
    latencies = tuple(
        each.latency
        for each in requests
        if marks["counting"] < each.finished <= marks["counted"] and each.outcome is Outcome.OK
    )
    if not latencies:
        raise TestbedError("no user was served while it was counted", where=str(run.folder), fix="see its report")
    return Work(
        site=site,
        folder=run.folder,
        seconds=passed,
        latencies=latencies,
        cores={each.name.removeprefix(project): each.cores for each in costs},
        transactions=transactions / passed,
        sessions=sizes,
        logins=len(check_stickiness(requests).lost) if kill else None,
    )


def session_sizes(cluster: Cluster) -> tuple[int, ...]:
    """Bytes of each session that the webmail keeps at this moment, wherever it keeps them."""
    if cluster.topology.sessions.store == "database":
        return tuple(_query(cluster, _ROW_SIZES))
    found: list[int] = []
    for machine in cluster.fleet.machines(Role.APP):
        found += map(int, machine.exec(["sh", "-c", _FILE_SIZES]).stdout.split())
    return tuple(size for size in found if size)  # an empty one is of a page without a user


def _transactions(cluster: Cluster) -> int:
    return _query(cluster, _TRANSACTIONS)[0]


def _query(cluster: Cluster, query: str) -> list[int]:
    machine = cluster.fleet.machines(Role.APP)[0]
    result = machine.exec(["php", "-r", _QUERY, query])
    if result.status:
        raise TestbedError(f"the database does not answer: {result.stderr.strip()}", where=machine.name)
    return [int(word) for word in result.stdout.split()]
