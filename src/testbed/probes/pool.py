"""The SQL probe's connections: kept while they are healthy, made anew when they are not.

A new connection for each write would cost the server more than the write. But when connections break, each
probe must try afresh, or the end of an outage is seen as late as the last attempt before it times out.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket

import psycopg

from testbed.probes.connecting import Connection, connect

# Idle connections: what a healthy server needs. An outage ends with many more, each a process of the server.
KEPT = 4
# Sessions being established at once: a server that has just been promoted must not be stormed.
SESSIONS = 2
SESSION_SECONDS = 3.0
BUSY = f"{SESSIONS} sessions are being established"


class NoConnectionError(Exception):
    """No connection could be had: nothing has been sent."""


class Pool:
    """Connections for writers that each need one for a moment.

    Args:
        conninfo: libpq connection string.
        connect_timeout: seconds for the TCP handshake; the session may take longer, the server is alive then.
        size: connections that may be in use at once; a server that takes writes and does not answer is not
            given more.
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
        self._conninfo = conninfo
        self._connect_timeout = connect_timeout
        self._size = size
        self._attempts = attempts
        self._session_timeout = session_timeout
        self._idle: list[Connection] = []
        self._in_use = 0
        self._connecting = 0
        self._establishing = 0

    async def take(self) -> Connection:
        """An idle connection, the last one used first, or a new one.

        Raises:
            NoConnectionError: none is to be had now.
        """
        while self._idle:
            connection = self._idle.pop()
            if _is_quiet(connection):
                self._in_use += 1
                return connection
            await connection.close()
        if self._in_use >= self._size:
            raise NoConnectionError(f"all {self._size} connections are waiting for the server")
        connection = await self._connect()
        self._in_use += 1
        return connection

    async def give_back(self, connection: Connection) -> None:
        """Return what ``take`` gave; a broken or a superfluous connection is closed."""
        self._in_use -= 1
        if connection.closed or connection.broken or len(self._idle) >= KEPT:
            await connection.close()
        else:
            self._idle.append(connection)

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().close()

    async def _connect(self) -> Connection:
        if self._establishing >= SESSIONS:
            raise NoConnectionError(BUSY)
        if self._connecting >= self._attempts:
            raise NoConnectionError(f"{self._attempts} connection attempts are unanswered")
        admitted = False

        async def admit() -> None:
            nonlocal admitted
            if self._establishing >= SESSIONS:
                raise NoConnectionError(BUSY)
            admitted = True
            self._connecting -= 1
            self._establishing += 1

        self._connecting += 1
        try:
            return await connect(
                self._conninfo,
                handshake_timeout=self._connect_timeout,
                session_timeout=self._session_timeout,
                admit=admit,
            )
        except TimeoutError:
            waited = self._session_timeout if admitted else self._connect_timeout
            raise NoConnectionError(f"no {'session' if admitted else 'connection'} within {waited:g} s") from None
        except psycopg.Error as error:
            raise NoConnectionError(" ".join(str(error).split())) from None
        finally:
            if admitted:
                self._establishing -= 1
            else:
                self._connecting -= 1


def cut(connection: Connection) -> None:
    """End a connection under a writer that waits on it.

    Cancelling the writer would have psycopg ask the server to cancel the query, and wait for a server that may
    be dead. With the socket shut down, the writer simply sees a lost connection.
    """
    if not connection.closed:
        # A socket that is gone already is as good.
        with socket.socket(fileno=os.dup(connection.fileno())) as duplicate, contextlib.suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)


def _is_quiet(connection: Connection) -> bool:
    """Whether an idle connection has nothing to say; a server that speaks unasked is saying goodbye."""
    if connection.closed:
        return False
    readable, _, _ = select.select([connection.fileno()], [], [], 0)
    return not readable
