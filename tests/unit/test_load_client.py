"""The webmail browser against a server in a thread that gives recorded answers."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from test_load_pages import DYNAMIC, ENDED, FATAL, INBOX, LOGIN_FAILED, NOT_SENT, PORTAL

from testbed.journal import Outcome
from testbed.probes.horde.client import Exchange, HordeClient
from testbed.probes.horde.pages import Form, PageError, SessionLostError

MESSAGE = '/*-secure-{"tasks":{"imp:message":[{"data":{"from":[{"raw":"a@b"}],"msgtext":"<p>hello</p>"}}]}}*/'
NOBODYS = '/*-secure-{"tasks":{"imp:message":[{"data":{"to":{"raw":"Undisclosed Recipients"},"msgtext":"<p/>"}}]}}*/'
NO_PREFERENCES = (
    '{"message":"The preferences backend is currently unavailable and your preferences have not been loaded."}'
)
LOGIN_POST = "POST /horde/login.php"
INBOX_POST = "POST /horde/services/ajax.php/imp/dynamicInit"
READ_POST = "POST /horde/services/ajax.php/imp/showMessage"
SEND_POST = "POST /horde/services/ajax.php/imp/sendMessage"
MAIL_GET = COMPOSE_GET = "GET /horde/imp/dynamic.php"
LOGOUT_GET = "GET /horde/login.php"


class Webmail(BaseHTTPRequestHandler):
    """Answers with what ``answers`` says: a page, a status, a redirect, or a time to be silent."""

    answers: ClassVar[dict[str, str | int | float]] = {}

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        given = self.answers.get(f"{self.command} {self.path.partition('?')[0]}", 404)
        if isinstance(given, float):
            time.sleep(given)
            return
        target = given if isinstance(given, str) and given.startswith("/horde") else ""
        self.send_response(302 if target else given if isinstance(given, int) else 200)
        self.send_header("X-Balancer", "lb1")
        self.send_header("X-App-Node", "app-2")
        if target:
            self.send_header("Location", target)
        self.end_headers()
        # A client that reads no further may be gone before the last byte.
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"" if target or isinstance(given, int) else given.encode())

    do_GET = do_POST = answer  # noqa: N815 - their names are the server's

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answers() -> dict[str, str | int | float]:
    Webmail.answers = {
        LOGIN_POST: "/horde/services/portal/",
        "GET /horde/services/portal/": PORTAL,
        MAIL_GET: DYNAMIC,
        INBOX_POST: INBOX,
        READ_POST: MESSAGE,
        SEND_POST: '/*-secure-{"response":{"success":1}}*/',
        LOGOUT_GET: "<title>Log in</title>You have been logged out." + LOGIN_FAILED,
    }
    return Webmail.answers


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Webmail) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def record() -> list[Exchange]:
    return []


@pytest.fixture
def client(site: str, record: list[Exchange], answers: dict[str, str | int | float]) -> Iterator[HordeClient]:
    assert answers
    made = HordeClient(site, "user01", "x", ca_file="none", record=record.append, timeout=(2.0, 1.0))
    yield made
    made.forget()


def test_a_whole_session(client: HordeClient, record: list[Exchange]) -> None:
    client.log_in()
    assert client.inbox() == [2, 1]
    assert client.read(2) == "<p>hello</p>"
    client.send(Form({"composeCache": ""}), "user02@testbed.test", "s", "t")
    client.log_out()
    assert not client.logged_in
    assert client.received > len(MESSAGE)
    assert [(each.action, each.outcome, each.cause) for each in record] == [
        ("log in", Outcome.OK, "redirect"),
        ("log in", Outcome.OK, "unfinished"),
        ("log in", Outcome.OK, ""),
        ("inbox", Outcome.OK, ""),
        ("read", Outcome.OK, ""),
        ("send", Outcome.OK, ""),
        ("log out", Outcome.OK, ""),
    ]
    assert {(each.balancer, each.app, each.user) for each in record} == {("lb1", "app-2", "user01")}
    assert len({each.session for each in record}) == 1


def test_each_login_is_a_session_of_its_own(client: HordeClient, record: list[Exchange]) -> None:
    client.log_in()
    client.log_in()
    sessions = {each.session for each in record}
    assert len(sessions) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", session) for session in sessions)


def failing(client: HordeClient, action: str) -> PageError:
    actions: dict[str, Callable[[], object]] = {
        "log in": client.log_in,
        "inbox": client.inbox,
        "read": lambda: client.read(1),
        "compose": client.compose,
        "send": lambda: client.send(Form(), "a@b", "s", "t"),
    }
    with pytest.raises(PageError) as caught:
        actions[action]()
    return caught.value


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (LOGIN_FAILED, "login-failed"),
        (FATAL, "fatal-error"),
        (503, "http-503"),
        ("<title>Portal</title>", "wrong-content"),
    ],
)
def test_a_login_that_fails(
    client: HordeClient, answers: dict[str, str | int | float], answer: str | int, cause: str
) -> None:
    answers[LOGIN_POST] = answer
    error = failing(client, "log in")
    assert error.cause == cause
    assert not isinstance(error, SessionLostError)
    assert not client.logged_in


@pytest.mark.parametrize(("answer", "cause"), [(PORTAL, "wrong-content"), (LOGIN_FAILED, "login-failed")])
def test_a_login_that_does_not_lead_to_the_mail(
    client: HordeClient, answers: dict[str, str | int | float], answer: str, cause: str
) -> None:
    answers[MAIL_GET] = answer
    assert failing(client, "log in").cause == cause
    assert not client.logged_in


@pytest.mark.parametrize(
    ("action", "request_line", "answer", "cause", "outcome"),
    [
        ("inbox", INBOX_POST, ENDED, "session-lost", Outcome.FAILED),
        ("inbox", INBOX_POST, LOGIN_FAILED, "session-lost", Outcome.FAILED),
        ("inbox", INBOX_POST, FATAL, "fatal-error", Outcome.FAILED),
        ("inbox", INBOX_POST, '/*-secure-{"tasks":{"imp:viewport":{"data":{}}}}*/', "wrong-content", Outcome.FAILED),
        ("read", READ_POST, NOBODYS, "wrong-content", Outcome.FAILED),
        ("compose", COMPOSE_GET, "/horde/login.php", "session-lost", Outcome.FAILED),
        ("compose", COMPOSE_GET, 502, "http-502", Outcome.FAILED),
        ("send", SEND_POST, NOT_SENT, "not-sent", Outcome.FAILED),
        ("send", SEND_POST, 503, "http-503", Outcome.FAILED),
        ("send", SEND_POST, 502, "http-502", Outcome.UNKNOWN),
        ("send", SEND_POST, 3.0, "timeout", Outcome.UNKNOWN),
        ("send", SEND_POST, 0.0, "connection-lost", Outcome.UNKNOWN),
    ],
)
def test_an_action_that_fails(
    client: HordeClient,
    record: list[Exchange],
    answers: dict[str, str | int | float],
    action: str,
    request_line: str,
    answer: str | float,
    cause: str,
    outcome: Outcome,
) -> None:
    client.log_in()
    answers[request_line] = answer
    error = failing(client, action)
    assert (error.cause, error.outcome) == (cause, outcome)
    assert isinstance(error, SessionLostError) is (cause == "session-lost")
    assert (record[-1].action, record[-1].cause, record[-1].outcome) == (action, cause, outcome)


def test_nobody_there_is_a_failure_and_not_unknown(record: list[Exchange]) -> None:
    client = HordeClient("http://127.0.0.1:1", "user01", "x", ca_file="none", record=record.append, timeout=(0.3, 0.3))
    error = failing(client, "log in")
    assert (error.cause, error.outcome) == ("no-connection", Outcome.FAILED)
    assert record[-1].app == ""


def test_redirects_without_end(client: HordeClient, answers: dict[str, str | int | float]) -> None:
    answers[MAIL_GET] = "/horde/imp/dynamic.php"
    assert failing(client, "log in").cause == "too-many-redirects"
