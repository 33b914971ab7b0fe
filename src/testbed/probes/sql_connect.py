"""One connection to PostgreSQL, in two steps: the TCP handshake, then the session.

The steps have different costs. An unanswered handshake costs the server nothing, so a new one may start with each
sample, and the end of an outage is seen at once. A session costs a process, and twenty at a time overload a server that
was just promoted on an emulated processor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn

WAITING = (pq.PollingStatus.READING, pq.PollingStatus.WRITING)


async def connect(
    conninfo: bytes, *, handshake_timeout: float, session_timeout: float, admit: Callable[[], None]
) -> PGconn:
    """Connect to a server given by its address.

    Args:
        conninfo: libpq connection string with ``hostaddr``, so that no resolver is waited for.
        handshake_timeout: seconds for the TCP handshake.
        session_timeout: seconds for the session after it.
        admit: called between the two; what it raises ends the attempt.

    Raises:
        TimeoutError: either took too long.
        psycopg.OperationalError: the server refused.
    """
    link = pq.PGconn.connect_start(conninfo)
    try:
        if link.status != pq.ConnStatus.BAD:
            async with asyncio.timeout(handshake_timeout):
                await _ready(link.socket, pq.PollingStatus.WRITING)
            admit()
            async with asyncio.timeout(session_timeout):
                await _establish(link)
        _insist(link)
    except BaseException:
        link.finish()
        raise
    return link


def _insist(link: PGconn) -> None:
    if link.status != pq.ConnStatus.OK:
        raise psycopg.OperationalError(link.error_message.decode(errors="replace").strip())


async def _establish(link: PGconn) -> None:
    """Run libpq until it has a session or has failed."""
    state = link.connect_poll()
    while state in WAITING:
        await _ready(link.socket, pq.PollingStatus(state))
        state = link.connect_poll()


async def _ready(descriptor: int, state: pq.PollingStatus) -> None:
    """Wait until a socket can be read or written, whichever libpq waits for."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    reading = state == pq.PollingStatus.READING
    add, remove = (loop.add_reader, loop.remove_reader) if reading else (loop.add_writer, loop.remove_writer)
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)
