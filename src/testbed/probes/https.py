"""The HTTPS probe: is the site there, and does an app node answer through it?

A visitor's connection is kept for a few pages, so that most probes cost little and new connections are tested
all the same, several times a second. Once something has failed, every probe is a new visitor, until one is
served: the end of an outage is seen at once, and never by a connection that happens to be open.

New connections have a pace (``pace.Pace``), because each costs the site a signature: fifty a second kept an emulated
balancer overloaded for half a minute, and the probe was the outage that it reported. A probe that is due sooner is held
back: it opens nothing. It ends with the next good answer to another probe, or with the failure of a probe that began
after it. Its sample says so (``held``).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import deque
from dataclasses import dataclass
from functools import partial

from testbed.journal import Outcome, ProbeSample
from testbed.probes.answer import Answer
from testbed.probes.dialling import Address
from testbed.probes.openloop import Done
from testbed.probes.pace import AT_LEAST, Pace
from testbed.probes.probe_type import PreparedProbe, ProbeSetup, RegisteredProbe, samples_within
from testbed.probes.tcp import HANDSHAKE_SECONDS
from testbed.probes.visit import Stage, Visit

# Pages a connection is used for.
PAGES = 10
# Idle connections: what a healthy site needs.
KEPT = 4
# TLS handshakes under way at once: a balancer that was frozen for long must not be stormed when it comes back. A
# second's worth: a busy moment of the host is no failure.
SHAKING = 50
# A balancer goes on waiting for a hung app node after its client has gone, a thread for each request, for this
# long. Fifty a second would use up all its threads, and the probe would be the outage it reports.
ABANDONED_SECONDS = 60.0
# With so many requests hanging, probes go where one was answered last, as its visitor would (by the cookie) ...
WARY = 50
# ... and with so many, none is sent.
FULL = 150
# Why a visit ended that had a TCP connection before a TLS handshake was due.
_TOO_FAST = "held back"


class HttpsProbe(RegisteredProbe):
    """Fetches one page and judges it by its content.

    Args:
        host: the site's name, whose certificate is expected.
        address: where it is.
        context: TLS settings.
        path: the page.
        content: what it must contain.
        timeout: seconds for a whole probe, from connecting to the last byte. Longer than a balancer needs to give a
            dead app node up: a page that is slow has not failed.
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
        self._idle: list[Visit] = []
        self._visits: set[Visit] = set()
        self._abandoned: deque[float] = deque()
        self._route = ""
        self._pace = Pace()
        self._held: list[_Question] = []
        self._again: asyncio.TimerHandle | None = None

    @classmethod
    def prepare(cls, setup: ProbeSetup) -> PreparedProbe:
        """Return the probe of the site's page."""
        options, context = setup.options, ssl.create_default_context(cafile=setup.options.ca)
        probe = cls(options.site, setup.site_address, context, timeout=options.patience)
        return PreparedProbe(probe, samples_within(options.patience, setup.intervals[cls.name]))

    def begin(self, due: float, done: Done) -> None:
        """Probe once."""
        started = time.monotonic()
        hanging = self._hanging(started)
        if hanging >= FULL:
            detail = f"not sent: the site holds {hanging} unanswered requests"
            done(ProbeSample(self.name, due, started, started, Outcome.FAILED, detail))
            return
        visit = self._idle.pop() if self._idle else self._visitor()
        question = _Question(due, started, done, visit)
        question.timer = asyncio.get_running_loop().call_later(self._timeout, self._too_late, question)
        if visit.stage is Stage.NEW and not self._pace.may_begin(started):
            visit.end()
            self._hold(question)
            return
        self._ask(question)

    def _ask(self, question: _Question) -> None:
        hanging, visit = self._hanging(time.monotonic()), question.visit
        request = self._text(self._route if hanging >= WARY else "", last=visit.asked + 1 >= PAGES)
        visit.ask(request, partial(self._told, question))

    async def close(self) -> None:
        """Close the idle connections."""
        self._drop_idle()

    def _told(self, question: _Question, answer: Answer | None, why: str) -> None:
        """A visit has an answer, or never will."""
        if why is _TOO_FAST:
            self._hold(question)
            return
        if answer is None:
            self._bad(question, why)
            return
        attrs = {"balancer": answer.headers.get("x-balancer", ""), "app": answer.headers.get("x-app-node", "")}
        if answer.status != 200 or self._content not in answer.body:
            self._end(question, Outcome.FAILED, f"status {answer.status}, content not as expected", attrs)
            question.visit.end()
            self._drop_idle()
            return
        if question.visit.asked == 1:
            self._pace.answered(time.monotonic())
        self._end(question, Outcome.OK, "", attrs)
        if question.visit.asked >= PAGES or self._tls_session is None:
            # Python copies it each time it is asked for, which costs as much as three pages.
            self._tls_session = question.visit.session
        self._route = answer.headers.get("set-cookie", "").partition(";")[0] or self._route
        if question.visit.asked >= PAGES or answer.last or len(self._idle) >= KEPT:
            question.visit.end()
        else:
            self._idle.append(question.visit)

    def _too_late(self, question: _Question) -> None:
        """The time for a probe is over."""
        if question.visit.stage is Stage.ASKING:
            self._abandoned.append(time.monotonic())
        question.visit.end()
        self._bad(question, f"timeout after {self._timeout:g} s")

    def _bad(self, question: _Question, why: str) -> None:
        """No answer came; unless nothing was sent, one may still have been on its way."""
        self._end(question, Outcome.UNKNOWN if question.visit.asked else Outcome.FAILED, why, {})
        # What else is open may be dead too.
        self._drop_idle()

    def _hold(self, question: _Question) -> None:
        question.held = True
        self._held.append(question)
        if self._again is None:
            self._again = asyncio.get_running_loop().call_later(1 / AT_LEAST, self._try_newest)

    def _try_newest(self) -> None:
        """Where no probe is due that could be the next visitor, the last one held back is: its end is that of all."""
        self._again = None
        if not self._held:
            return
        if self._pace.may_begin(time.monotonic()):
            question = self._held.pop()
            question.held, question.visit = False, self._visitor()
            self._ask(question)
        if self._held and self._again is None:
            self._again = asyncio.get_running_loop().call_later(1 / AT_LEAST, self._try_newest)

    def _end(self, question: _Question, outcome: Outcome, detail: str, attrs: dict[str, str]) -> None:
        if question.timer:
            question.timer.cancel()
        now = time.monotonic()
        if question.held:
            self._held = [other for other in self._held if other is not question]
            attrs = attrs | {"held": "yes"}
        question.done(ProbeSample(self.name, question.due, question.started, now, outcome, detail, attrs=attrs))
        if question.held:
            return
        # The site's answer is one to all that wait; a failure is one to those that would have failed after it began.
        for other in [held for held in self._held if outcome is Outcome.OK or held.started <= question.started]:
            self._end(other, outcome, detail, attrs)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().end()

    def _visitor(self) -> Visit:
        visit = Visit(
            self._address, self._host, self._context, self._tls_session,
            timeout=self._handshake_timeout, admit=self._admit, over=self._over,
        )  # fmt: skip
        self._visits.add(visit)
        return visit

    def _text(self, route: str, *, last: bool) -> bytes:
        cookie = f"Cookie: {route}\r\n" if route else ""
        return f"{self._request}{cookie}Connection: {'close' if last else 'keep-alive'}\r\n\r\n".encode()

    def _hanging(self, now: float) -> int:
        while self._abandoned and self._abandoned[0] < now - ABANDONED_SECONDS:
            self._abandoned.popleft()
        return len(self._abandoned) + sum(visit.stage is Stage.ASKING for visit in self._visits)

    def _admit(self) -> str:
        shaking = sum(visit.stage is Stage.SHAKING for visit in self._visits)
        if shaking >= SHAKING:
            return f"{shaking} TLS handshakes are unanswered"
        if not self._pace.may_begin(time.monotonic()):
            return _TOO_FAST
        self._pace.begun()
        return ""

    def _over(self, visit: Visit) -> None:
        self._visits.discard(visit)
        if visit in self._idle:
            self._idle.remove(visit)


@dataclass(slots=True, eq=False)
class _Question:
    """One probe that is under way."""

    due: float
    started: float
    done: Done
    visit: Visit
    timer: asyncio.TimerHandle | None = None
    held: bool = False
