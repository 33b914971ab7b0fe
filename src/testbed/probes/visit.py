"""One TLS connection to the site, used for one page after the other.

Non-blocking on the socket itself: neither asyncio's streams nor its TLS, nor a task for each page, stand in between.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from enum import Enum, auto

from testbed.probes.answer import Answer, parse_answer
from testbed.probes.dialling import RESET, Address, Dialling

CHUNK = 65536


class Stage(Enum):
    """What a visit is doing."""

    NEW = auto()
    DIALLING = auto()
    SHAKING = auto()
    IDLE = auto()
    ASKING = auto()
    OVER = auto()


# An answer, or None with the reason.
Told = Callable[[Answer | None, str], None]


class Visit:
    """A connection, from its TCP handshake to its end.

    Args:
        address: where to.
        host: whose certificate is expected.
        context: TLS settings.
        session: TLS session of an earlier visit, to be resumed.
        timeout: seconds for the TCP handshake.
        admit: asked when TLS is to begin; returns a reason not to, or nothing.
        over: called once, when the connection cannot be used any more.

    Attributes:
        asked: requests sent so far.
        stage: what it is doing.
    """

    __slots__ = (
        "_address", "_admit", "_context", "_host", "_loop", "_over", "_raw", "_request", "_session", "_timeout", "_tls",
        "_told", "asked", "stage",
    )  # fmt: skip

    def __init__(
        self,
        address: Address,
        host: str,
        context: ssl.SSLContext,
        session: ssl.SSLSession | None,
        *,
        timeout: float,
        admit: Callable[[], str],
        over: Callable[[Visit], None],
    ) -> None:
        self._address, self._host, self._context, self._session = address, host, context, session
        self._admit, self._over = admit, over
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLSocket  # there from the TLS handshake on
        self._raw = b""
        self._timeout = timeout
        self.asked = 0
        self.stage = Stage.NEW

    @property
    def session(self) -> ssl.SSLSession | None:
        """The TLS session, for the next visit; there while an answer is told."""
        return self._tls.session

    def ask(self, request: bytes, told: Told) -> None:
        """Send a request, over a connection that is made first if it is not there.

        Args:
            request: an HTTP/1.1 request without a body.
            told: called once, with the answer, or None and the reason; not when the visit is ended before.
        """
        self._request, self._told, self._raw = request, told, b""
        if self.stage is Stage.NEW:
            self.stage = Stage.DIALLING
            Dialling(self._address, self._timeout, self._dialled)
        else:
            self._send()

    def end(self) -> None:
        """Close the connection; nothing is told any more."""
        if self.stage is Stage.OVER:
            return
        connected = self.stage not in (Stage.NEW, Stage.DIALLING)
        self.stage = Stage.OVER
        if connected:
            self._loop.remove_reader(self._tls.fileno())
            self._loop.remove_writer(self._tls.fileno())
            self._tls.close()
        self._over(self)

    def _fail(self, why: str) -> None:
        told = self._told
        self.end()
        told(None, why)

    def _dialled(self, plain: socket.socket | None, why: str) -> None:
        if self.stage is Stage.OVER:  # given up meanwhile
            if plain:
                plain.close()
            return
        if plain is None:
            self._fail(why)
            return
        why = self._admit()
        if why:
            # Reset, so that a server that has not looked at it yet need not.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            plain.close()
            self._fail(why)
            return
        # Small requests, each answered before the next: nothing to gather.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._tls = self._context.wrap_socket(
                plain, server_hostname=self._host, do_handshake_on_connect=False, session=self._session
            )
        except (OSError, ValueError) as error:
            plain.close()
            self._fail(f"{type(error).__name__}: {error}")
            return
        self.stage = Stage.SHAKING
        self._loop.add_reader(self._tls.fileno(), self._ready)
        self._shake()

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._tls.fileno(), self._ready)
            return
        except OSError as error:
            self._fail(f"{type(error).__name__}: {error}")
            return
        self._loop.remove_writer(self._tls.fileno())
        self._send()

    def _send(self) -> None:
        self.stage = Stage.ASKING
        self.asked += 1
        try:
            # A new or idle connection's buffer takes the few hundred bytes at once.
            self._tls.send(self._request)
        except OSError as error:
            self._fail(f"{type(error).__name__}: {error}")

    def _ready(self) -> None:
        if self.stage is Stage.SHAKING:
            self._shake()
            return
        try:
            data = self._tls.recv(CHUNK)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return  # a session ticket, or half a record
        except OSError as error:
            self._lost(f"{type(error).__name__}: {error}")
            return
        if self.stage is not Stage.ASKING:
            # Whoever speaks unasked says goodbye.
            self.end()
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        self._raw += data
        try:
            answer = parse_answer(self._raw, ended=not data)
        except ValueError as error:
            self._lost(f"connection lost: {error}" if not data else str(error))
            return
        if answer is None or not answer.whole:
            if not data:
                self._lost(f"connection lost after {len(self._raw)} bytes")
            elif self._tls.pending():
                self._loop.call_soon(self._ready)
            return
        self.stage = Stage.IDLE
        self._told(answer, "")
        if answer.last or not data:
            self.end()

    def _lost(self, why: str) -> None:
        if self.stage is Stage.ASKING:
            self._fail(why)
        else:
            self.end()
