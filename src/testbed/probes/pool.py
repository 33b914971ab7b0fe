"""The SQL probes' sessions: kept while they are healthy, made anew when they are not.

A new session for each probe would cost the server more than the probe. But when connections break, each probe
must try afresh, or the end of an outage is seen as late as the last attempt before it times out. Where the limits
set here keep a probe from a session of its own, it waits a while for another's, and is told late, as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

import psycopg

from testbed.probes.connecting import connect
from testbed.probes.session import Session
from testbed.probes.words import one_line

# Idle sessions: what a healthy server needs. An outage ends with many more, each a process of the server.
KEPT = 8
# Sessions being established at once: a server that has just been promoted must not be stormed.
SESSIONS = 2
SESSION_SECONDS = 3.0
BUSY = "the server is establishing as many as it may"


class NoConnectionError(Exception):
    """No connection could be had: nothing has been sent."""


class _BusyError(Exception):
    """The server answers, but no more sessions may be established now."""


class Pool:
    """Sessions for probes that each need one for a moment.

    Args:
        conninfo: libpq connection string.
        connect_timeout: seconds for the TCP handshake, and to wait for another's session; to establish one may take
            longer, the server is alive then.
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
        self._idle: list[Session] = []
        self._sessions: set[Session] = set()
        self._waiting: deque[asyncio.Future[Session]] = deque()
        self._connecting = 0
        self._establishing = 0
        self._refused = False

    def idle(self) -> Session | None:
        """A session that is there, the last one used first."""
        return self._idle.pop() if self._idle else None

    async def take(self) -> Session:
        """A session that is there, a new one, or, where no more may be made now, the next that is given back.

        Raises:
            NoConnectionError: none was to be had in the time that a handshake may take.
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

    def give_back(self, session: Session) -> None:
        """Return what was taken; a superfluous session is closed, a lost one is none any more."""
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

    def _lost(self, session: Session) -> None:
        self._sessions.discard(session)
        if session in self._idle:
            self._idle.remove(session)

    def _is_busy(self) -> bool:
        # One that is still starting up says so to each who asks, by a process it needs for starting up.
        return self._establishing >= (1 if self._refused else SESSIONS)

    async def _wait(self, why: str) -> Session:
        """Waiting costs the server nothing; another connection would, and it is alive, for it has taken some."""
        waiter: asyncio.Future[Session] = asyncio.get_running_loop().create_future()
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

    async def _connect(self) -> Session:
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
            return Session(link, self._lost)
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
