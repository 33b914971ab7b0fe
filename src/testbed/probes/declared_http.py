"""A declared HTTP probe: it requests a page of the site, and may keep a session there.

With a session, the probe sends back every cookie that the site sets, as a browser does. The value of the session's
cookie names the session. If the site replaces the value of a request that carried one, the session was lost.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar

from testbed.probes.http_answer import HttpAnswer
from testbed.probes.https import HttpsProbe
from testbed.probes.probe_type import PreparedProbe, ProbeSetup, samples_within

# What a sample of a lost session has as its detail, as a webmail user's request has it as its cause.
SESSION_LOST = "session-lost"
# Attributes of a sample that name its session.
SESSION = "session"


class DeclaredHttpProbe(HttpsProbe):
    """Requests a page that a user declared.

    Attributes:
        keys: what was declared, as ``testbed.topology.declared_probes.as_data`` returns it.
    """

    keys: ClassVar[Mapping[str, Any]]
    dates = ""
    hunt_interval = 0
    _jar: dict[str, str]

    @classmethod
    def prepare(cls, setup: ProbeSetup) -> PreparedProbe:
        """Return the probe of the declared page."""
        options, context = setup.options, ssl.create_default_context(cafile=setup.options.ca)
        probe = cls(options.site, setup.site_address, context, path=cls.keys["url"], timeout=options.patience)
        probe._jar = {}
        return PreparedProbe(probe, samples_within(options.patience, setup.intervals[cls.name]))

    def _cookies(self, *, hanging: int) -> str:
        if not self.keys.get("session"):
            return super()._cookies(hanging=hanging)
        return "; ".join(f"{name}={value}" for name, value in self._jar.items())

    def _judge(self, sent: str, answer: HttpAnswer, attrs: dict[str, str]) -> str:
        wanted, text = self.keys["expect"]["status"], self.keys["expect"]["text"]
        lost = self._keep_session(sent, answer, attrs) if self.keys.get("session") else False
        if answer.status != wanted:
            return f"status {answer.status}, expected {wanted}"
        if lost:
            return SESSION_LOST
        if text.encode() not in answer.content:
            return f"status {answer.status}, the text {text!r} is missing"
        return ""

    def _keep_session(self, sent: str, answer: HttpAnswer, attrs: dict[str, str]) -> bool:
        """Keep the cookies of an answer; returns whether the session of its request was lost.

        Samples overlap when answers are slow. Only the newest session is kept, and a session is lost once.
        """
        name = self.keys["session"]
        before = _parsed(sent).get(name, "")
        given = dict(_pair(each) for each in answer.set_cookies)
        after = given.get(name, before)
        if known := before or after:
            attrs[SESSION] = session_id(known)
        if self._jar.get(name, "") == before:
            self._jar.update(given)
            return bool(before) and after != before
        return False


def session_id(value: str) -> str:
    """Return how the journal names a session: its cookie is a secret while it lives, so not by the cookie's value."""
    return sha256(value.encode()).hexdigest()[:16]


def _parsed(cookies: str) -> dict[str, str]:
    return dict(_pair(each) for each in cookies.split("; ") if each)


def _pair(cookie: str) -> tuple[str, str]:
    """The name and value of a cookie, without its attributes."""
    name, _, value = cookie.partition(";")[0].partition("=")
    return name.strip(), value.strip()
