"""The SQL probe: does the database commit?

    python -m testbed.probes.sql --journal /runs/sql.jsonl

Each probe commits one row with a token of its own into ``writes``. Serial numbers would not do: after a split
brain the other side hands the same numbers out again. Whether a write whose connection was lost is there is
for ``testbed.probes.settle`` to find out.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
import uuid

import psycopg

from testbed.journal import Outcome, ProbeSample, Writer
from testbed.probes import database
from testbed.probes.connecting import Connection
from testbed.probes.openloop import OpenLoop, add_arguments, run_command
from testbed.probes.pool import SESSIONS, NoConnectionError, Pool, cut

NAME = "sql"
APPLICATION = "testbed-probe"
INSERT = "insert into writes (token) values (%s)"


class SqlProbe:
    """Commits one row each time it is called.

    Args:
        pool: where connections come from.
        run: what this run's tokens begin with.
        timeout: seconds to wait for the commit once the statement is sent.
    """

    def __init__(self, pool: Pool, run: str, timeout: float) -> None:
        self._pool = pool
        self._run = run
        self._timeout = timeout
        self._next = 0

    async def __call__(self, scheduled: float) -> ProbeSample:
        """Probe once."""
        token = f"{self._run}-{self._next:06d}"
        self._next += 1
        started = time.monotonic()
        outcome, detail = await self._write(token)
        return ProbeSample(NAME, scheduled, started, time.monotonic(), outcome, detail, {"token": token})

    async def _write(self, token: str) -> tuple[Outcome, str]:
        try:
            connection = await self._pool.take()
        except NoConnectionError as error:
            return Outcome.FAILED, str(error)
        try:
            return await self._commit(connection, token)
        finally:
            await self._pool.give_back(connection)

    async def _commit(self, connection: Connection, token: str) -> tuple[Outcome, str]:
        alarm = asyncio.get_running_loop().call_later(self._timeout, cut, connection)
        try:
            await connection.execute(INSERT, (token,))
        except psycopg.Error as error:
            detail = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return (Outcome.FAILED if surely_rolled_back(error) else Outcome.UNKNOWN), detail
        finally:
            alarm.cancel()
        return Outcome.OK, ""


def surely_rolled_back(error: psycopg.Error) -> bool:
    """Whether the server itself said that the statement failed.

    FATAL and PANIC end the connection, possibly after the commit: they prove nothing.
    """
    return error.diag.severity_nonlocalized == "ERROR"


async def probe(options: argparse.Namespace) -> str:
    """Run the probe as the command line says; returns the summary."""
    run = uuid.uuid4().hex[:12]
    attempts = math.ceil(options.connect_timeout / options.interval)
    pool = Pool(
        database.conninfo(options, f"{APPLICATION}-{run}", options.timeout),
        connect_timeout=options.connect_timeout,
        size=options.connections,
        attempts=attempts,
    )
    with Writer(options.journal, "probe", probe=NAME, run=run) as journal:
        loop = OpenLoop(
            SqlProbe(pool, run, options.timeout),
            NAME,
            journal,
            interval=options.interval,
            outstanding=options.connections + attempts + SESSIONS + 1,
        )
        try:
            await loop.run(options.seconds)
        finally:
            await pool.close()
        return loop.summary()


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m testbed.probes.sql", description="commit rows at a fixed rate")
    parser.add_argument("--timeout", type=float, default=2.0, help="seconds to wait for a commit (2)")
    parser.add_argument("--connect-timeout", type=float, default=1.0, help="seconds for one TCP handshake (1)")
    parser.add_argument("--connections", type=int, default=8, help="connections in use at most (8)")
    database.add_arguments(parser)
    add_arguments(parser)
    return run_command(NAME, probe, parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
