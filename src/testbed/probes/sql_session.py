"""A session with PostgreSQL: one query at a time, whose result a callback reports.

It uses libpq directly, without psycopg's connections and cursors and without a task for each query. Queries use the
simple protocol, whose "INSERT 0 1" comes after the commit; with the extended protocol it comes before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult

from testbed.journal import Outcome
from testbed.output_line import one_line


class Reply(NamedTuple):
    """How a query ended.

    Args:
        outcome: OK or FAILED only if the server itself reported it.
        detail: why it is not ok.
        value: the first value of the first row, empty if there is none.
    """

    outcome: Outcome
    detail: str = ""
    value: str = ""


NOTHING = Reply(Outcome.UNKNOWN, "the server ended the query without a result")


class SqlSession:
    """One connection.

    Args:
        link: an established connection.
        lost: called once, when the connection is gone.
    """

    __slots__ = ("_descriptor", "_done", "_link", "_loop", "_lost", "_reply", "_timeout", "_timer")

    def __init__(self, link: PGconn, lost: Callable[[SqlSession], None]) -> None:
        self._link = link
        self._lost = lost
        self._done: Callable[[Reply], None] | None = None
        self._reply = NOTHING
        self._timer: asyncio.TimerHandle | None = None
        self._timeout = 0.0
        self._loop = asyncio.get_running_loop()
        # libpq closes its socket when the connection breaks, so keep its number.
        self._descriptor = link.socket
        self._loop.add_reader(self._descriptor, self._readable)

    def ask(self, query: bytes, timeout: float, done: Callable[[Reply], None]) -> None:
        """Send a query to a session that is idle.

        Args:
            query: one statement.
            timeout: seconds to wait for its end; then the connection is given up.
            done: called once, with how it ended.
        """
        self._done, self._reply, self._timeout = done, NOTHING, timeout
        self._timer = self._loop.call_later(timeout, self._too_late)
        try:
            # This blocks, but the buffer is empty and takes a hundred bytes: all earlier queries were answered.
            self._link.send_query(query)
        except psycopg.Error as error:
            self._break(error)

    def close(self) -> None:
        """Close the connection; the callback is not called any more."""
        if self._descriptor < 0:
            return
        self._loop.remove_reader(self._descriptor)
        self._descriptor = -1
        if self._timer:
            self._timer.cancel()
        self._link.finish()
        self._lost(self)

    def _readable(self) -> None:
        try:
            self._link.consume_input()
            if self._done is None:
                return  # a notice
            while not self._link.is_busy():
                result = self._link.get_result()
                if result is None:
                    self._answered()
                    return
                self._reply = judge(result)
        except psycopg.Error as error:
            self._break(error)

    def _answered(self) -> None:
        if self._timer:
            self._timer.cancel()
        done, self._done = self._done, None
        if self._link.status == pq.ConnStatus.BAD:
            self.close()
        if done:
            done(self._reply)

    def _too_late(self) -> None:
        # A cancel request would wait for a server that may be dead.
        self._give_up(Reply(Outcome.UNKNOWN, f"no answer within {self._timeout:g} s"))

    def _break(self, error: psycopg.Error) -> None:
        # The server's result before the end of the connection counts.
        replied = self._reply is not NOTHING
        self._give_up(self._reply if replied else Reply(Outcome.UNKNOWN, f"connection lost: {one_line(str(error))}"))

    def _give_up(self, reply: Reply) -> None:
        done, self._done = self._done, None
        self.close()
        if done:
            done(reply)


def judge(result: PGresult) -> Reply:
    """Return how a query ended.

    Only the server's own ERROR proves that it failed. FATAL and PANIC end the connection, possibly after the
    commit, and what libpq itself reports of a lost connection has no severity at all.
    """
    if result.status == pq.ExecStatus.TUPLES_OK:
        return Reply(Outcome.OK, "", (result.get_value(0, 0) or b"").decode() if result.ntuples else "")
    if result.status == pq.ExecStatus.COMMAND_OK:
        return Reply(Outcome.OK)
    detail = one_line(result.error_message.decode(errors="replace"))
    severity = result.error_field(pq.DiagnosticField.SEVERITY_NONLOCALIZED)
    return Reply(Outcome.FAILED if severity == b"ERROR" else Outcome.UNKNOWN, detail)
