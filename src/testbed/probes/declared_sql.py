"""A declared SQL probe: it runs a user's own query at the database's address."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from testbed.journal import Outcome
from testbed.probes import database_options
from testbed.probes.probe_type import PreparedProbe, ProbeSetup
from testbed.probes.sql import APPLICATION, HANDSHAKE_SECONDS, SIZE, SqlReadProbe
from testbed.probes.sql_pool import SESSIONS, SqlPool
from testbed.probes.sql_session import Reply

# What stands in a query for the token of a sample.
TOKEN = "{token}"  # noqa: S105 - a placeholder, no secret


class DeclaredSqlProbe(SqlReadProbe):
    """Runs a query that a user declared; the probe has sessions of its own.

    Attributes:
        keys: what was declared, as ``testbed.topology.declared_probes.as_data`` returns it.
    """

    keys: ClassVar[Mapping[str, Any]]
    hunt_interval = 0
    _run: str
    _next: int

    @classmethod
    def prepare(cls, setup: ProbeSetup) -> PreparedProbe:
        """Return the probe of the declared query."""
        patience, database = setup.options.timeout, cls.keys.get("application") or ""
        conninfo = database_options.conninfo(setup.options, f"{APPLICATION}-{cls.name}", patience, database)
        attempts = math.ceil(HANDSHAKE_SECONDS / setup.intervals[cls.name])
        pool = SqlPool(conninfo, connect_timeout=HANDSHAKE_SECONDS, size=SIZE, attempts=attempts)
        probe = cls(pool, setup.options.timeout)
        probe._run, probe._next = setup.run, 0
        return PreparedProbe(probe, SIZE + 2 * attempts + SESSIONS + 1)

    def _query(self) -> tuple[bytes, str]:
        query = self.keys["query"]
        if TOKEN not in query:
            return query.encode(), ""
        token = f"{self._run}-{self.name}-{self._next:06d}"
        self._next += 1
        return query.replace(TOKEN, token).encode(), token

    def _judge(self, reply: Reply) -> tuple[Outcome, str, dict[str, str]]:
        wanted = self.keys["expect"]["text"]
        if reply.outcome is Outcome.OK and wanted and reply.value != wanted:
            return Outcome.FAILED, f"the first value is {reply.value!r}, expected {wanted!r}", {}
        return reply.outcome, reply.detail, {}
