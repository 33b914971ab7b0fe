"""One user's browser at the webmail.

Every exchange with the server is reported to ``record``, redirects included, with who answered it. A method
raises PageError when it did not work for the user.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from testbed.journal import Outcome, RequestSample
from testbed.probes.horde import pages
from testbed.probes.horde.pages import Form, PageError, SessionLostError

T = TypeVar("T")
Exchange = RequestSample

# A desktop browser's, or Horde shows its page for telephones.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
INBOX = pages.mailbox_id("INBOX")
SENT = pages.mailbox_id("Sent")
MOST_REDIRECTS = 8
GATEWAY_ERRORS = (502, 504)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a session's requests must carry, taken from its first page."""

    ajax: str
    logout: str


class HordeClient:
    """A user's browser.

    Args:
        base: the site, such as https://webmail.testbed.test.
        user, password: the account.
        ca_file: certificates to trust; https is always verified.
        record: called with each exchange.
        timeout: seconds to wait for a connection, and for an answer.

    Attributes:
        received: bytes of the bodies of all answers so far.
    """

    def __init__(
        self,
        base: str,
        user: str,
        password: str,
        *,
        ca_file: str,
        record: Callable[[Exchange], None],
        timeout: tuple[float, float] = (5.0, 30.0),
    ) -> None:
        self.user = user
        self.received = 0
        self._base = base.rstrip("/")
        self._password = password
        self._ca_file = ca_file
        self._record = record
        self._timeout = timeout
        self._session = ""
        self._tokens: Tokens | None = None
        self._cache_id = ""
        self._http = requests.Session()

    @property
    def logged_in(self) -> bool:
        """Whether this browser believes in a session."""
        return self._tokens is not None

    def log_in(self) -> None:
        """Start a new session, with no cookies of an earlier one."""
        self.forget()
        self._session = uuid.uuid4().hex
        fields = {
            "app": "",
            "login_post": "1",
            "url": "",
            "anchor_string": "",
            "horde_user": self.user,
            "horde_pass": self._password,
            "horde_select_view": "dynamic",
            "new_lang": "en_US",
        }
        tokens = self._ask("log in", "POST", "/horde/login.php", _judge_login, fields, last=False)
        # Where a login lands is a preference; people log in for their mail. A session that is lost on the way
        # was none yet.
        self._ask("log in", "GET", "/horde/imp/dynamic.php?page=mailbox", _judge_mail)
        self._tokens = tokens

    def inbox(self) -> list[int]:
        """List the inbox; returns its messages' numbers, the last listed first."""
        viewport = {"initial": 1, "force": 1, "slice": "1:50", "cache": "", "cacheid": ""}

        def judge(body: str) -> tuple[str, list[int]]:
            port = _first(pages.task(pages.ajax(body), "imp:viewport"))
            if not port.get("data"):
                raise PageError("wrong-content", "the inbox is empty")
            return str(port.get("cacheid", "")), [int(number) for number in port["data"]]

        self._cache_id, numbers = self._ajax("inbox", "dynamicInit", judge, viewport=viewport)
        return sorted(numbers, reverse=True)

    def read(self, number: int) -> str:
        """Open a message; returns its text as HTML."""

        def judge(body: str) -> str:
            message = _first(pages.task(pages.ajax(body), "imp:message")).get("data", {})
            # For a missing message Horde shows an empty one without a sender.
            if "msgtext" not in message or not message.get("from"):
                raise PageError("wrong-content", str(message.get("error") or f"no message {number}"))
            return str(message["msgtext"])

        viewport = {"cacheid": self._cache_id}
        return self._ajax("read", "showMessage", judge, viewport=viewport, buid=str(number), preview="1")

    def compose(self) -> Form:
        """Open the page for a new message; returns its form."""
        path = "/horde/imp/dynamic.php?page=compose"
        return self._ask("compose", "GET", path, lambda page: pages.form_with(page, "composeCache"))

    def send(self, form: Form, to: str, subject: str, message: str) -> None:
        """Send the message of a form that ``compose`` returned."""

        def judge(body: str) -> None:
            answer = pages.ajax(body)
            result = answer.get("response")
            if not isinstance(result, dict) or result.get("success") != 1:
                reasons = "; ".join(str(each.get("message")) for each in pages.messages_of(answer))
                raise PageError("not-sent", reasons or "the answer does not confirm that it was sent")

        fields = {"to": to, "subject": subject, "message": message}
        kept = {"save_sent_mail": "1", "save_sent_mail_mbox": SENT}
        self._ajax("send", "sendMessage", judge, **{**form.fields, **fields, **kept})

    def find_contact(self, name: str, address: str = "") -> None:
        """Look for contacts by name; with an address, it must be found."""
        path = f"/horde/turba/search.php?search_mode=basic&source=localsql&criteria=name&val={name}"
        wanted = (address,) if address else ()
        self._ask("find contact", "GET", path, lambda page: pages.must_contain(page, 'name="val"', *wanted))

    def add_contact(self, first: str, last: str, address: str) -> None:
        """Add a contact to the user's own address book."""
        path = "/horde/turba/add.php?source=localsql"
        form = self._ask("add contact", "GET", path, lambda page: pages.form_with(page, "object[lastname]"))
        fields = {"object[firstname]": first, "object[lastname]": last, "object[email]": address}

        def judge(page: str) -> None:
            # The answer redirects to the new contact's page.
            if f"{first} {last}" not in pages.title(page):
                raise PageError("wrong-content", f"a page titled {pages.title(page)!r}, not the new contact's")

        self._ask("add contact", "POST", path, judge, {**form.fields, **fields, "submitbutton": "Add"})

    def set_vacation(self, subject: str, reason: str, addresses: str, days: int) -> None:
        """Have the mail server answer new mail, each sender once in so many days."""
        path = "/horde/ingo/basic.php?page=vacation"
        form = self._ask("vacation", "GET", path, lambda page: pages.form_with(page, "reason"))
        fields = {"subject": subject, "reason": reason, "addresses": addresses, "days": str(days)}
        # "Changes saved." alone also appears when the mail server refused the script.
        self._ask(
            "vacation",
            "POST",
            path,
            lambda page: pages.must_contain(page, "Script successfully activated."),
            {**form.fields, **fields, "submitbutton": "Save and Enable"},
        )

    def log_out(self) -> None:
        """End the session."""
        token = self._tokens.logout if self._tokens else ""
        path = f"/horde/login.php?horde_logout_token={token}&logout_reason=4"
        try:
            self._ask(
                "log out",
                "GET",
                path,
                lambda page: pages.must_contain(page, "You have been logged out"),
                login_page=True,
            )
        finally:
            self.forget()

    def forget(self) -> None:
        """Throw the session's cookies and connections away, as a closed browser does."""
        self._http.close()
        self._http = requests.Session()
        # Ignore the proxies and certificates of the environment.
        self._http.trust_env = False
        self._http.verify = self._ca_file
        self._http.headers.update({"User-Agent": USER_AGENT, "Accept-Language": "en-US,en"})
        self._tokens = None
        self._cache_id = ""

    def _ajax(self, action: str, call: str, judge: Callable[[str], T], **fields: Any) -> T:  # noqa: ANN401 - JSON
        token = self._tokens.ajax if self._tokens else ""
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        path = f"/horde/services/ajax.php/imp/{call}"
        return self._ask(action, "POST", path, judge, {"view": INBOX, **texts, "token": token})

    def _ask(
        self,
        action: str,
        method: str,
        path: str,
        judge: Callable[[str], T],
        fields: dict[str, str] | None = None,
        *,
        login_page: bool = False,
        last: bool = True,
    ) -> T:
        """One request with its redirects, each recorded; ``judge`` has the last word on the last answer.

        What is good but not the end of its action carries a cause: who counts successes must not count it.
        """
        url = self._base + path
        login_page = login_page or not self.logged_in
        for _ in range(MOST_REDIRECTS):
            started = time.monotonic()
            try:
                answer = self._http.request(method, url, data=fields, timeout=self._timeout, allow_redirects=False)
            except requests.RequestException as error:
                failure = _explain(error)
                self._record_exchange(action, started, None, failure)
                raise failure from error
            self.received += len(answer.content)
            if answer.is_redirect:
                self._record_exchange(action, started, answer, PageError("redirect", outcome=Outcome.OK))
                method, url, fields = "GET", urljoin(url, answer.headers["location"]), None
                continue
            try:
                result = _judge(answer, method, judge, login_page=login_page)
            except PageError as failure:
                self._record_exchange(action, started, answer, failure)
                raise
            self._record_exchange(
                action, started, answer, None if last else PageError("unfinished", outcome=Outcome.OK)
            )
            return result
        raise PageError("too-many-redirects", url)

    def _record_exchange(
        self, action: str, started: float, answer: requests.Response | None, failure: PageError | None
    ) -> None:
        headers = answer.headers if answer is not None else {}
        self._record(
            Exchange(
                session=self._session,
                user=self.user,
                action=action,
                balancer=headers.get("X-Balancer", ""),
                app=headers.get("X-App-Node", ""),
                started=started,
                latency=time.monotonic() - started,
                outcome=failure.outcome if failure else Outcome.OK,
                cause=failure.cause if failure else "",
            )
        )


def _judge(answer: requests.Response, method: str, judge: Callable[[str], T], *, login_page: bool) -> T:
    if answer.status_code != requests.codes.ok:
        # A gateway that lost its app node cannot know whether the node did what it was asked to.
        maybe_done = method == "POST" and answer.status_code in GATEWAY_ERRORS
        outcome = Outcome.UNKNOWN if maybe_done else Outcome.FAILED
        raise PageError(f"http-{answer.status_code}", answer.reason, outcome)
    page = answer.text
    if pages.is_fatal(page):
        raise PageError("fatal-error", pages.title(page))
    if not login_page and pages.is_login_page(page):
        raise SessionLostError("the login page came back")
    return judge(page)


def _judge_login(page: str) -> Tokens:
    if pages.is_login_page(page):
        raise PageError("login-failed", "Login failed" if "Login failed" in page else "the login page came back")
    if "preferences backend is currently unavailable" in page:
        # Without its database Horde lets users in all the same, but without their settings and address books.
        raise PageError("no-preferences", "the preferences backend is unavailable")
    tokens = Tokens(pages.ajax_token(page), pages.logout_token(page))
    if not tokens.ajax or not tokens.logout:
        raise PageError("wrong-content", f"no tokens in a page titled {pages.title(page)!r}")
    return tokens


def _judge_mail(page: str) -> None:
    if pages.is_login_page(page):
        raise PageError("login-failed", "the login page came back")
    if not pages.is_mail(page):
        raise PageError("wrong-content", f"not the mail, but a page titled {pages.title(page)!r}")


def _first(found: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A task's argument, which Horde gives bare or as a list of one."""
    value = found[0] if isinstance(found, list) else found
    if not isinstance(value, dict):
        raise PageError("wrong-content", f"not an object: {str(value)[:80]}")
    return value


def _explain(error: requests.RequestException) -> PageError:
    """Return the error of a request: it was not sent, or it was not answered."""
    if isinstance(error, requests.exceptions.SSLError):
        return PageError("tls", str(error))
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return PageError("connect-timeout", str(error))
    if isinstance(error, requests.exceptions.Timeout):
        return PageError("timeout", str(error), Outcome.UNKNOWN)
    inner = error.args[0] if error.args else None
    if isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError):
        return PageError("no-connection", str(inner.reason))
    return PageError("connection-lost", str(error), Outcome.UNKNOWN)
