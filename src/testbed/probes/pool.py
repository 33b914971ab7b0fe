"""The SQL probe's connections: kept while they are healthy, made anew when they are not.

A new connection for each write would cost the server more than the write. But when connections break, each
probe must try afresh, or the end of an outage is seen as late as the last attempt before it times out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket

import psycopg
from psycopg import AsyncClientCursor, AsyncConnection

Connection = AsyncConnection[tuple[object, ...]]

# Idle connections: what a healthy server needs. An outage ends with many more, each a process of the server.
KEPT = 4


class NoConnectionError(Exception):
    """No connection could be had: nothing has been sent."""


class Pool:
    """Connections for writers that each need one for a moment.

    Args:
        conninfo: libpq connection string.
        connect_timeout: seconds for one attempt, TCP and login together.
        size: connections that may be in use at once; a server that takes writes and does not answer is not
            given more.
        attempts: connection attempts under way at once.
    """

    def __init__(self, conninfo: str, *, connect_timeout: float, size: int, attempts: int) -> None:
        self._conninfo = conninfo
        self._connect_timeout = connect_timeout
        self._size = size
        self._attempts = attempts
        self._idle: list[Connection] = []
        self._in_use = 0
        self._connecting = 0

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
        if self._connecting >= self._attempts:
            raise NoConnectionError(f"{self._attempts} connection attempts are unanswered")
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
        self._connecting += 1
        try:
            async with asyncio.timeout(self._connect_timeout):
                # The client cursor sends a simple query, whose "INSERT 0 1" comes after the commit. With the
                # extended protocol it comes before.
                return await AsyncConnection.connect(self._conninfo, autocommit=True, cursor_factory=AsyncClientCursor)
        except TimeoutError:
            raise NoConnectionError(f"no connection within {self._connect_timeout:g} s") from None
        except psycopg.Error as error:
            raise NoConnectionError(" ".join(str(error).split())) from None
        finally:
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
