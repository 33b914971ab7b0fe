"""The HTTPS probe, which requests a page of an app node through the site's address.

A connection is used for a few pages, so that most samples cost little, and new connections are still tested several
times a second. After a failure every sample opens a new connection until one succeeds. So the end of an outage is seen
at once, and never through a connection that happens to be open.

The rate of new connections is limited (``HandshakeRate``), because each costs the site a signature: fifty a second kept
an emulated balancer overloaded for half a minute, and the probe caused the outage that it reported. A sample above the
limit is held back, and opens no connection. It ends with the next good answer to another sample, or with the failure of
a sample that began after it. The journal marks it (``held``).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from dataclasses import dataclass
from functools import partial

from testbed.journal import Outcome, ProbeSample
from testbed.probes.handshake_rate import AT_LEAST, HandshakeRate
from testbed.probes.http_answer import HttpAnswer
from testbed.probes.https_connection import ConnectionStage, HttpsConnection
from testbed.probes.open_loop import SampleCallback
from testbed.probes.probe_type import PreparedProbe, ProbeSetup, RegisteredProbe, samples_within
from testbed.probes.tcp import HANDSHAKE_SECONDS
from testbed.probes.tcp_connect import Address

# Pages a connection is used for.
PAGES = 10
# Idle connections that are kept.
KEPT = 4
# TLS handshakes under way at once, so that a balancer is not overloaded when it thaws. It is one second's worth,
# because a busy moment of the host is not a failure.
HANDSHAKE = 50
# A balancer goes on waiting for a hung app node after its client has gone, a thread for each request, for this
# long. Fifty a second would use up all its threads, and the probe would be the outage it reports.
ABANDONED_SECONDS = 60.0
# With so many requests hanging, samples go to the node that answered last, by its cookie ...
WARY = 50
# ... and with so many, none is sent.
FULL = 150
# The reason when a TCP connection was there before a TLS handshake was allowed.
_TOO_FAST = "held back"


class HttpsProbe(RegisteredProbe):
    """Fetches one page and judges it by its content.

    Args:
        host: the site's name, whose certificate is expected.
        address: where it is.
        context: TLS settings.
        path: the page.
        content: what it must contain.
        timeout: seconds from connecting to the last byte. It is longer than a balancer needs to give up a dead app
        node,
            because a slow page is not a failure.
    """

    name = "https"
    summary = "fetches a page of an app node through the site's address"
    unit = "page"
    interval = 0.02
    hunt_interval = 0.2
    runs_on = "client"
    resources = ("site",)
    dates = "first page"
    reaches_app_nodes = True

    def __init__(
        self,
        host: str,
        address: Address,
        context: ssl.SSLContext,
        *,
        path: str = "/alive",
        content: str = "alive",
        timeout: float = 5.0,
        handshake_timeout: float = HANDSHAKE_SECONDS,
    ) -> None:
        self._host, self._address, self._context = host, address, context
        self._request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: testbed-probe\r\n"
        self._content = content.encode()
        self._timeout = timeout
        self._handshake_timeout = handshake_timeout
        self._tls_session: ssl.SSLSession | None = None
        self._idle: list[HttpsConnection] = []
        self._visits: set[HttpsConnection] = set()
        self._abandoned: deque[float] = deque()
        self._route = ""
        self._rate = HandshakeRate()
        self._held: list[_PendingSample] = []
        self._again: asyncio.TimerHandle | None = None

    @classmethod
    def prepare(cls, setup: ProbeSetup) -> PreparedProbe:
        """Return the probe of the site's page."""
        options, context = setup.options, ssl.create_default_context(cafile=setup.options.ca)
        probe = cls(options.site, setup.site_address, context, timeout=options.patience)
        return PreparedProbe(probe, samples_within(options.patience, setup.intervals[cls.name]))

    def begin(self, due: float, done: SampleCallback) -> None:
        """Probe once."""
        started = time.monotonic()
        hanging = self._hanging(started)
        if hanging >= FULL:
            detail = f"not sent: the site holds {hanging} unanswered requests"
            done(ProbeSample(self.name, due, started, started, Outcome.FAILED, detail))
            return
        visit = self._idle.pop() if self._idle else self._visitor()
        pending = _PendingSample(due, started, done, visit)
        pending.timer = asyncio.get_running_loop().call_later(self._timeout, self._too_late, pending)
        if visit.stage is ConnectionStage.NEW and not self._rate.may_begin(started):
            visit.end()
            self._hold(pending)
            return
        self._ask(pending)

    def _ask(self, pending: _PendingSample) -> None:
        visit, pending.cookies = pending.visit, self._cookies(hanging=self._hanging(time.monotonic()))
        visit.ask(self._text(pending.cookies, last=visit.asked + 1 >= PAGES), partial(self._answered, pending))

    def _cookies(self, *, hanging: int) -> str:
        """The cookies of the next request: none, unless so many requests hang that it should avoid a hanging node."""
        return self._route if hanging >= WARY else ""

    def _judge(self, sent: str, answer: HttpAnswer, attrs: dict[str, str]) -> str:  # noqa: ARG002 - for subclasses
        """Judge a complete answer.

        Args:
            sent: the cookies of its request; only a probe with a session needs them.
            answer: what came.
            attrs: the sample's attributes, which may be added to.

        Returns:
            Why it is not good; empty if it is.
        """
        if answer.status == 200 and self._content in answer.body:
            return ""
        return f"status {answer.status}, content not as expected"

    async def close(self) -> None:
        """Close the idle connections."""
        self._drop_idle()

    def _answered(self, pending: _PendingSample, answer: HttpAnswer | None, why: str) -> None:
        """Record an answer, or the reason that there is none."""
        if why is _TOO_FAST:
            self._hold(pending)
            return
        if answer is None:
            self._bad(pending, why)
            return
        attrs = {"balancer": answer.headers.get("x-balancer", ""), "app": answer.headers.get("x-app-node", "")}
        if why := self._judge(pending.cookies, answer, attrs):
            self._end(pending, Outcome.FAILED, why, attrs)
            pending.visit.end()
            self._drop_idle()
            return
        if pending.visit.asked == 1:
            self._rate.answered(time.monotonic())
        self._end(pending, Outcome.OK, "", attrs)
        if pending.visit.asked >= PAGES or self._tls_session is None:
            # Python copies it each time it is asked for, which costs as much as three pages.
            self._tls_session = pending.visit.session
        self._route = answer.headers.get("set-cookie", "").partition(";")[0] or self._route
        if pending.visit.asked >= PAGES or answer.last or len(self._idle) >= KEPT:
            pending.visit.end()
        else:
            self._idle.append(pending.visit)

    def _too_late(self, pending: _PendingSample) -> None:
        """Give up a sample that took too long."""
        if pending.visit.stage is ConnectionStage.ASKING:
            self._abandoned.append(time.monotonic())
        pending.visit.end()
        self._bad(pending, f"timeout after {self._timeout:g} s")

    def _bad(self, pending: _PendingSample, why: str) -> None:
        """Record a missing answer: failed if nothing was sent; else unknown, as it may be under way."""
        self._end(pending, Outcome.UNKNOWN if pending.visit.asked else Outcome.FAILED, why, {})
        # Other open connections may be dead, too.
        self._drop_idle()

    def _hold(self, pending: _PendingSample) -> None:
        pending.held = True
        self._held.append(pending)
        if self._again is None:
            self._again = asyncio.get_running_loop().call_later(1 / AT_LEAST, self._try_newest)

    def _try_newest(self) -> None:
        """Let the newest sample that was held back open a connection; its end is the end of all of them."""
        self._again = None
        if not self._held:
            return
        if self._rate.may_begin(time.monotonic()):
            pending = self._held.pop()
            pending.held, pending.visit = False, self._visitor()
            self._ask(pending)
        if self._held and self._again is None:
            self._again = asyncio.get_running_loop().call_later(1 / AT_LEAST, self._try_newest)

    def _end(self, pending: _PendingSample, outcome: Outcome, detail: str, attrs: dict[str, str]) -> None:
        if pending.timer:
            pending.timer.cancel()
        now = time.monotonic()
        if pending.held:
            self._held = [other for other in self._held if other is not pending]
            attrs = attrs | {"held": "yes"}
        pending.done(ProbeSample(self.name, pending.due, pending.started, now, outcome, detail, attrs=attrs))
        if pending.held:
            return
        # A good answer ends all samples that wait. A failure ends those that began before it.
        for other in [held for held in self._held if outcome is Outcome.OK or held.started <= pending.started]:
            self._end(other, outcome, detail, attrs)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().end()

    def _visitor(self) -> HttpsConnection:
        visit = HttpsConnection(
            self._address, self._host, self._context, self._tls_session,
            timeout=self._handshake_timeout, admit=self._admit, over=self._over,
        )  # fmt: skip
        self._visits.add(visit)
        return visit

    def _text(self, cookies: str, *, last: bool) -> bytes:
        cookie = f"Cookie: {cookies}\r\n" if cookies else ""
        return f"{self._request}{cookie}Connection: {'close' if last else 'keep-alive'}\r\n\r\n".encode()

    def _hanging(self, now: float) -> int:
        while self._abandoned and self._abandoned[0] < now - ABANDONED_SECONDS:
            self._abandoned.popleft()
        return len(self._abandoned) + sum(visit.stage is ConnectionStage.ASKING for visit in self._visits)

    def _admit(self) -> str:
        shaking = sum(visit.stage is ConnectionStage.HANDSHAKE for visit in self._visits)
        if shaking >= HANDSHAKE:
            return f"{shaking} TLS handshakes are unanswered"
        if not self._rate.may_begin(time.monotonic()):
            return _TOO_FAST
        self._rate.begun()
        return ""

    def _over(self, visit: HttpsConnection) -> None:
        self._visits.discard(visit)
        if visit in self._idle:
            self._idle.remove(visit)


@dataclass(slots=True, eq=False)
class _PendingSample:
    """One sample that is under way."""

    due: float
    started: float
    done: SampleCallback
    visit: HttpsConnection
    timer: asyncio.TimerHandle | None = None
    held: bool = False
    cookies: str = ""
