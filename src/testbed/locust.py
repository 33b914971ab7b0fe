"""Records the requests of any Locust file in the journal of a run.

A stock file needs two lines::

    from testbed.locust import record_requests
    record_requests("shop", session="shop-session")

Locust reports each request to the listener: its outcome, the balancer and app node that answered, and the session that
it belonged to. Without a run, the listener does nothing, so the same file works anywhere.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from weakref import WeakKeyDictionary

import requests

from testbed.journal import Outcome, RequestSample, Writer
from testbed.probes.declared_http import SESSION_LOST, session_id

JOURNAL = "TESTBED_JOURNAL"
# The names of the requests that begin and end a session, as the checks know them.
LOG_IN, LOG_OUT = "log in", "log out"
# A gateway that lost its app node cannot know whether the node did what it was asked to.
GATEWAY_ERRORS = (502, 504)
_UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH)


class RequestRecorder:
    """Writes requests into a journal, if there is to be one.

    Args:
        path: the journal; None for none.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._writer: Writer | None = None

    def __call__(self, sample: RequestSample) -> None:
        """Record one request."""
        if self._path and not self._writer:
            self._writer = Writer(self._path, "locust")
        if self._writer:
            self._writer.write(sample)


class RequestListener:
    """Takes up Locust's event ``request``.

    Args:
        application: whose users these are, by its name in the topology.
        cookie: the cookie whose value names a session; empty: there are no sessions.
        record: called with each request.
    """

    def __init__(self, application: str, cookie: str, record: RequestRecorder) -> None:
        self._application, self._cookie, self._record = application, cookie, record
        self._users: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._count = 0

    def __call__(
        self,
        request_type: str,
        name: str,
        response_time: float,
        exception: Exception | None = None,
        context: Mapping[str, Any] | None = None,
        response: Any = None,  # noqa: ANN401 - of requests, or of Locust's FastHttpUser
        **_: object,
    ) -> None:
        """Record one request; the arguments are those of Locust's event."""
        given = context or {}
        outcome, cause = judge(request_type, exception, getattr(response, "status_code", 0) or 0)
        headers = getattr(response, "headers", None) or {}
        before, session = self._session(response)
        if before and session != before and name not in (LOG_IN, LOG_OUT) and outcome is Outcome.OK:
            outcome, cause, session = Outcome.FAILED, SESSION_LOST, before
        self._record(
            RequestSample(
                session=session_id(session) if session else "",
                user=str(given.get("user") or self._user()),
                action=name,
                balancer=headers.get("X-Balancer") or "",
                app=headers.get("X-App-Node") or "",
                started=time.monotonic() - response_time / 1000,
                latency=response_time / 1000,
                outcome=outcome,
                cause=cause,
                application=self._application,
                token=str(given.get("token") or ""),
            )
        )

    def _session(self, response: Any) -> tuple[str, str]:  # noqa: ANN401
        """The session that the request was sent in, and the one after its answer; empty if there is none."""
        answers = [*(getattr(response, "history", None) or ()), response]
        before = _cookies(_header(answers[0], "Cookie")).get(self._cookie, "")
        after = before
        for answer in answers:
            after = _cookies(_header(answer, "Cookie")).get(self._cookie, "") or after
            given = getattr(answer, "cookies", None)
            after = (given.get(self._cookie) if given is not None else None) or after
        return before, after

    def _user(self) -> str:
        """The name of the user that sends the request: each runs in a greenlet of its own."""
        from gevent import getcurrent  # noqa: PLC0415 - only where Locust runs

        me = getcurrent()
        if me not in self._users:
            self._count += 1
            self._users[me] = f"{self._application}-{os.getpid()}-{self._count}"
        return self._users[me]


def record_requests(application: str, session: str = "") -> None:
    """Record each request of this Locust process in the run's journal.

    Args:
        application: whose users these are, by its name in the topology.
        session: the cookie whose value names a session. It must keep its value as long as the session lives; a request
            named ``log in`` or ``log out`` may change it.

    A request's ``context`` may hold ``token``, the text that the request stores, and ``user``, who sends it.
    """
    from locust import events  # noqa: PLC0415 - only where Locust runs

    if path := os.environ.get(JOURNAL):
        events.request.add_listener(RequestListener(application, session, RequestRecorder(path)))  # type: ignore[no-untyped-call]


def judge(method: str, error: Exception | None, status: int) -> tuple[Outcome, str]:
    """Return how a request ended, and the cause if it is not ok.

    Args:
        method: the HTTP method.
        error: what Locust reports as its failure.
        status: of the answer; 0 without one.
    """
    if error is None:
        return Outcome.OK, ""
    if status:
        maybe_done = method == "POST" and status in GATEWAY_ERRORS
        cause = f"http-{status}" if status >= 400 else " ".join(str(error).split()) or type(error).__name__
        return (Outcome.UNKNOWN if maybe_done else Outcome.FAILED), cause
    return _without_answer(error)


# What befell a request without an answer, the first that fits; none of those that are certain reached the application.
_CAUSES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Outcome, str], ...] = (
    (requests.exceptions.ConnectTimeout, Outcome.FAILED, "connect-timeout"),
    ((ssl.SSLError, requests.exceptions.SSLError), Outcome.FAILED, "tls"),
    ((ConnectionRefusedError, socket.gaierror), Outcome.FAILED, "no-connection"),
    ((TimeoutError, requests.exceptions.Timeout), Outcome.UNKNOWN, "timeout"),
    ((OSError, HTTPException), Outcome.UNKNOWN, "connection-lost"),
)


def _without_answer(error: Exception) -> tuple[Outcome, str]:
    if isinstance(error, OSError) and error.errno in _UNREACHABLE:
        return Outcome.FAILED, "no-connection"
    unknown = Outcome.UNKNOWN, " ".join(str(error).split()) or type(error).__name__
    return next(((outcome, cause) for kind, outcome, cause in _CAUSES if isinstance(error, kind)), unknown)


def _header(answer: Any, name: str) -> str:  # noqa: ANN401
    """A header of the request that an answer belongs to; empty if it has none."""
    headers = getattr(getattr(answer, "request", None), "headers", None) or {}
    return headers.get(name) or ""


def _cookies(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (each.partition("=") for each in text.split("; ")) if name}
