"""The pool of the SQL probes' sessions: healthy ones are reused, and broken ones are replaced.

A new session for each sample would cost the server more than the query. But when connections break, each sample must
connect again; else the end of an outage is seen only after the last attempt has timed out. A sample that gets no
session of its own, because of the limits below, waits some time for another's, and its latency includes that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

import psycopg

from testbed.output_line import one_line
from testbed.probes.sql_connect import connect
from testbed.probes.sql_session import SqlSession

# Idle sessions that are kept. After an outage there are many more, and each is a process of the server.
KEPT = 8
# Sessions that are established at once, so that a server that was just promoted is not overloaded.
SESSIONS = 2
SESSION_SECONDS = 3.0
BUSY = "the server is establishing as many as it may"


class NoConnectionError(Exception):
    """No session was available, so nothing has been sent."""


class _BusyError(Exception):
    """The server answers, but no more sessions may be established now."""


class SqlPool:
    """A pool of sessions, of which each sample needs one for a moment.

    Args:
        conninfo: libpq connection string.
        connect_timeout: seconds for the TCP handshake, and to wait for another's session; establishing one may take
            longer, because the server is alive then.
        size: sessions at most; a server that takes queries and does not answer is not given more.
        attempts: handshakes under way at once.
        session_timeout: seconds for the session once the handshake is done.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        connect_timeout: float,
        size: int,
        attempts: int,
        session_timeout: float = SESSION_SECONDS,
    ) -> None:
        self._conninfo = conninfo.encode()
        self._connect_timeout = connect_timeout
        self._size = size
        self._attempts = attempts
        self._session_timeout = session_timeout
        self._idle: list[SqlSession] = []
        self._sessions: set[SqlSession] = set()
        self._waiting: deque[asyncio.Future[SqlSession]] = deque()
        self._connecting = 0
        self._establishing = 0
        self._refused = False

    def idle(self) -> SqlSession | None:
        """Return an idle session, the last one used first, or None."""
        return self._idle.pop() if self._idle else None

    async def take(self) -> SqlSession:
        """Return an idle session or a new one; at the limit, the next that is given back.

        Raises:
            NoConnectionError: there was none within the time limit of a handshake.
        """
        if self._idle:
            return self._idle.pop()
        if len(self._sessions) >= self._size:
            return await self._wait(f"all {self._size} sessions are waiting for the server")
        if self._is_busy():
            return await self._wait(BUSY)
        if self._connecting >= self._attempts:
            raise NoConnectionError(f"{self._attempts} connection attempts are unanswered")
        try:
            session = await self._connect()
        except _BusyError:
            return await self._wait(BUSY)
        self._sessions.add(session)
        return session

    def give_back(self, session: SqlSession) -> None:
        """Give a session back; it is closed if enough are idle, and ignored if it was lost."""
        if session not in self._sessions:
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(session)
                return
        if len(self._idle) >= KEPT:
            session.close()
        else:
            self._idle.append(session)

    def close(self) -> None:
        """Close the idle sessions."""
        while self._idle:
            self._idle.pop().close()

    def _lost(self, session: SqlSession) -> None:
        self._sessions.discard(session)
        if session in self._idle:
            self._idle.remove(session)

    def _is_busy(self) -> bool:
        # A server that is starting up refuses each connection with a process that it needs for starting up.
        return self._establishing >= (1 if self._refused else SESSIONS)

    async def _wait(self, why: str) -> SqlSession:
        """Wait for a session of another sample, which costs the server nothing."""
        waiter: asyncio.Future[SqlSession] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._connect_timeout):
                return await waiter
        except TimeoutError:
            if waiter.done() and not waiter.cancelled():
                self.give_back(waiter.result())  # it came in the last moment
            raise NoConnectionError(f"no session within {self._connect_timeout:g} s: {why}") from None
        finally:
            with contextlib.suppress(ValueError):
                self._waiting.remove(waiter)

    async def _connect(self) -> SqlSession:
        admitted = False

        def admit() -> None:
            nonlocal admitted
            if self._is_busy():
                raise _BusyError
            admitted = True
            self._connecting -= 1
            self._establishing += 1

        self._connecting += 1
        try:
            link = await connect(
                self._conninfo,
                handshake_timeout=self._connect_timeout,
                session_timeout=self._session_timeout,
                admit=admit,
            )
            self._refused = False
            return SqlSession(link, self._lost)
        except TimeoutError:
            waited = self._session_timeout if admitted else self._connect_timeout
            raise NoConnectionError(f"no {'session' if admitted else 'connection'} within {waited:g} s") from None
        except psycopg.Error as error:
            self._refused = admitted
            raise NoConnectionError(one_line(str(error))) from None
        finally:
            if admitted:
                self._establishing -= 1
            else:
                self._connecting -= 1
