"""The SQL probes: one reads, and one commits. The answer to both names the database node.

A write commits one row with a unique token into ``writes``. Serial numbers are not unique after a split brain, because
both sides assign them. ``testbed.probes.read_back`` finds out whether a write whose connection was lost is in the
table.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from testbed.journal import Outcome, ProbeSample
from testbed.probes import database_options
from testbed.probes.open_loop import SampleCallback
from testbed.probes.probe_type import PreparedProbe, ProbeSetup, RegisteredProbe
from testbed.probes.sql_pool import SESSIONS, NoConnectionError, SqlPool
from testbed.probes.sql_session import Reply, SqlSession

# The application name of sessions begins with this, and ends with the run's identity.
APPLICATION = "testbed-probe"
# A node whose manager sets the cluster's name there has its own in the other setting.
NODE = "coalesce(current_setting('testbed.node', true), current_setting('cluster_name'))"
READ = f"select {NODE}".encode()
# Below one second, so that the first retransmission never comes.
HANDSHAKE_SECONDS = 0.95
# Sessions in use at once. A server that answers none of them gets no more queries.
SIZE = 16


class SqlReadProbe(RegisteredProbe):
    """Sends one query each time.

    Args:
        pool: where sessions come from; probes may share it.
        timeout: seconds to wait for the answer once the query is sent.
    """

    name = "sql-read"
    summary = "asks the database's address which node answers"
    unit = "query"
    interval = 0.02
    hunt_interval = 0.2
    runs_on = "observer"
    resources = ("database",)

    def __init__(self, pool: SqlPool, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def prepare(cls, setup: ProbeSetup) -> PreparedProbe:
        """Return the probe of the database's address; the SQL probes share their sessions."""
        pool, outstanding = setup.shared("sql", lambda: _pool(setup))
        return PreparedProbe(cls._make(pool, setup), outstanding)

    @classmethod
    def _make(cls, pool: SqlPool, setup: ProbeSetup) -> SqlReadProbe:
        return cls(pool, setup.options.timeout)

    def begin(self, due: float, done: SampleCallback) -> None:
        """Probe once."""
        query, token = self._query()
        started = time.monotonic()

        def ended(reply: Reply) -> None:
            now = time.monotonic()
            outcome, detail, attrs = self._judge(reply)
            done(ProbeSample(self.name, due, started, now, outcome, detail, token, attrs))

        session = self._pool.idle()
        if session:
            self._ask(session, query, ended)
            return
        task = asyncio.ensure_future(self._afresh(query, ended))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Close the idle sessions."""
        self._pool.close()

    def _query(self) -> tuple[bytes, str]:
        """A query, and the token that it stores."""
        return READ, ""

    def _judge(self, reply: Reply) -> tuple[Outcome, str, dict[str, str]]:
        """How the query ended, why it is not ok, and the sample's attributes."""
        return reply.outcome, reply.detail, {"database": reply.value} if reply.value else {}

    def _ask(self, session: SqlSession, query: bytes, ended: Callable[[Reply], None]) -> None:
        def answered(reply: Reply) -> None:
            self._pool.give_back(session)
            ended(reply)

        session.ask(query, self._timeout, answered)

    async def _afresh(self, query: bytes, ended: Callable[[Reply], None]) -> None:
        try:
            session = await self._pool.take()
        except NoConnectionError as error:
            ended(Reply(Outcome.FAILED, str(error)))
        else:
            self._ask(session, query, ended)


class SqlWriteProbe(SqlReadProbe):
    """Commits one row each time.

    Args:
        pool: where sessions come from; probes may share it.
        timeout: seconds to wait for the commit once the statement is sent.
        run: what this run's tokens begin with: letters and digits, unique in the world.
    """

    name = "sql-write"
    summary = "commits a row at the database's address"
    unit = "commit"
    # Writes cost most: on emulated guests, each replicated commit takes some 20 ms of processor time of both nodes
    # together (docs/probes.md).
    interval = 0.1
    dates = "first write"
    last_part = "until the first commit"

    def __init__(self, pool: SqlPool, timeout: float, run: str) -> None:
        super().__init__(pool, timeout)
        self._run = run
        self._next = 0

    @classmethod
    def _make(cls, pool: SqlPool, setup: ProbeSetup) -> SqlReadProbe:
        return cls(pool, setup.options.timeout, setup.run)

    def _query(self) -> tuple[bytes, str]:
        token = f"{self._run}-{self._next:06d}"
        self._next += 1
        query = f"insert into writes (token) values ('{token}') returning {NODE}"  # noqa: S608 - the token is our own
        return query.encode(), token


def _pool(setup: ProbeSetup) -> tuple[SqlPool, int]:
    """Return the pool that the SQL probes share, and how many samples of each may be under way."""
    conninfo = database_options.conninfo(setup.options, f"{APPLICATION}-{setup.run}", setup.options.timeout)
    intervals = [setup.intervals[each.name] for each in (SqlReadProbe, SqlWriteProbe) if each.name in setup.intervals]
    attempts = sum(math.ceil(HANDSHAKE_SECONDS / interval) for interval in intervals)
    pool = SqlPool(conninfo, connect_timeout=HANDSHAKE_SECONDS, size=SIZE, attempts=attempts)
    # In use, connecting, waiting for another's session, being established.
    return pool, SIZE + 2 * attempts + SESSIONS + 1
