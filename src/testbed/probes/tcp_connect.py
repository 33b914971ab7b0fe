"""A non-blocking TCP handshake, whose end a callback reports."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable

Address = tuple[str, int]
# Closing sends a reset, so that no connection stays in TIME_WAIT: at fifty a second there would be thousands.
RESET = struct.pack("ii", 1, 0)


class NoAddressError(OSError):
    """A host name has no address."""


def resolve(host: str, port: int) -> Address:
    """Return an IPv4 address of a host.

    Raises:
        NoAddressError: it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise NoAddressError(f"{host} has no address: {error.strerror}") from error
    return str(found[0][4][0]), port


class TcpConnect:
    """One attempt to connect.

    Args:
        address: host and port.
        timeout: seconds for the handshake. Below one second there is no retransmission: the next attempt finds an
            address that returns, and old attempts do not load it.
        done: called once, with the connected socket, or None and the reason.
    """

    __slots__ = ("_done", "_loop", "_socket", "_timeout", "_timer")

    def __init__(self, address: Address, timeout: float, done: Callable[[socket.socket | None, str], None]) -> None:
        self._done = done
        self._timeout = timeout
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            done(None, f"no socket: {error.strerror}")
            return
        self._socket.connect_ex(address)
        # On a bridge of this host the handshake is often over by now. A second call costs less than a wake-up.
        code = self._socket.connect_ex(address)
        if code in (errno.EALREADY, errno.EINPROGRESS):
            self._timer = self._loop.call_later(timeout, self._too_late)
            self._loop.add_writer(self._socket.fileno(), self._ready)
        else:
            self._end(code)

    def _ready(self) -> None:
        self._loop.remove_writer(self._socket.fileno())
        self._end(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _too_late(self) -> None:
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        self._done(None, f"no connection within {self._timeout:g} s")

    def _end(self, code: int) -> None:
        if self._timer:
            self._timer.cancel()
        if code in (0, errno.EISCONN):
            self._done(self._socket, "")
        else:
            self._socket.close()
            self._done(None, f"no connection: {os.strerror(code)}")
