"""One TLS connection to the site, which requests one page after the other.

It uses the non-blocking socket directly, without asyncio's streams and TLS and without a task for each page.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from enum import Enum, auto

from testbed.probes.http_answer import HttpAnswer, parse_http_answer
from testbed.probes.tcp_connect import RESET, Address, TcpConnect

CHUNK = 65536


class ConnectionStage(Enum):
    """What a connection does now."""

    NEW = auto()
    CONNECTING = auto()
    HANDSHAKE = auto()
    IDLE = auto()
    ASKING = auto()
    OVER = auto()


# Called with an answer, or with None and the reason.
AnswerCallback = Callable[[HttpAnswer | None, str], None]


class HttpsConnection:
    """A connection, from its TCP handshake to its end.

    Args:
        address: where to.
        host: whose certificate is expected.
        context: TLS settings.
        session: TLS session of an earlier connection, to be resumed.
        timeout: seconds for the TCP handshake.
        admit: called before the TLS handshake; returns a reason not to begin it, or an empty string.
        over: called once, when the connection cannot be used any more.

    Attributes:
        asked: requests sent so far.
        stage: what it does now.
    """

    __slots__ = (
        "_address",
        "_admit",
        "_answered",
        "_context",
        "_host",
        "_loop",
        "_over",
        "_raw",
        "_request",
        "_session",
        "_timeout",
        "_tls",
        "asked",
        "stage",
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
        over: Callable[[HttpsConnection], None],
    ) -> None:
        self._address, self._host, self._context, self._session = address, host, context, session
        self._admit, self._over = admit, over
        self._loop = asyncio.get_running_loop()
        self._tls: ssl.SSLSocket  # there from the TLS handshake on
        self._raw = b""
        self._timeout = timeout
        self.asked = 0
        self.stage = ConnectionStage.NEW

    @property
    def session(self) -> ssl.SSLSession | None:
        """Return the TLS session, for the next connection; it is known while ``on_answer`` is called."""
        return self._tls.session

    def ask(self, request: bytes, on_answer: AnswerCallback) -> None:
        """Send a request, over a connection that is made first if it is not there.

        Args:
            request: an HTTP/1.1 request without a body.
            on_answer: called once, with the answer, or None and the reason; not if the connection is closed before.
        """
        self._request, self._answered, self._raw = request, on_answer, b""
        if self.stage is ConnectionStage.NEW:
            self.stage = ConnectionStage.CONNECTING
            TcpConnect(self._address, self._timeout, self._tcp_connected)
        else:
            self._send()

    def end(self) -> None:
        """Close the connection; ``on_answer`` is not called any more."""
        if self.stage is ConnectionStage.OVER:
            return
        connected = self.stage not in (ConnectionStage.NEW, ConnectionStage.CONNECTING)
        self.stage = ConnectionStage.OVER
        if connected:
            self._loop.remove_reader(self._tls.fileno())
            self._loop.remove_writer(self._tls.fileno())
            self._tls.close()
        self._over(self)

    def _fail(self, why: str) -> None:
        on_answer = self._answered
        self.end()
        on_answer(None, why)

    def _tcp_connected(self, plain: socket.socket | None, why: str) -> None:
        if self.stage is ConnectionStage.OVER:  # given up meanwhile
            if plain:
                plain.close()
            return
        if plain is None:
            self._fail(why)
            return
        why = self._admit()
        if why:
            # Reset, so that the server need not accept it.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            plain.close()
            self._fail(why)
            return
        # Requests are small, and each is answered before the next, so nothing can be coalesced.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._tls = self._context.wrap_socket(
                plain, server_hostname=self._host, do_handshake_on_connect=False, session=self._session
            )
        except (OSError, ValueError) as error:
            plain.close()
            self._fail(f"{type(error).__name__}: {error}")
            return
        self.stage = ConnectionStage.HANDSHAKE
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
        self.stage = ConnectionStage.ASKING
        self.asked += 1
        try:
            # A new or idle connection's buffer takes the few hundred bytes at once.
            self._tls.send(self._request)
        except OSError as error:
            self._fail(f"{type(error).__name__}: {error}")

    def _ready(self) -> None:
        if self.stage is ConnectionStage.HANDSHAKE:
            self._shake()
            return
        try:
            data = self._tls.recv(CHUNK)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return  # a session ticket, or half a record
        except OSError as error:
            self._lost(f"{type(error).__name__}: {error}")
            return
        if self.stage is not ConnectionStage.ASKING:
            # Data without a request announces the end of the connection.
            self.end()
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        self._raw += data
        try:
            answer = parse_http_answer(self._raw, ended=not data)
        except ValueError as error:
            self._lost(f"connection lost: {error}" if not data else str(error))
            return
        if answer is None or not answer.complete:
            if not data:
                self._lost(f"connection lost after {len(self._raw)} bytes")
            elif self._tls.pending():
                self._loop.call_soon(self._ready)
            return
        self.stage = ConnectionStage.IDLE
        self._answered(answer, "")
        if answer.last or not data:
            self.end()

    def _lost(self, why: str) -> None:
        if self.stage is ConnectionStage.ASKING:
            self._fail(why)
        else:
            self.end()
