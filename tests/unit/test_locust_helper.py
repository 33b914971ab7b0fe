"""A stock Locust file with the two lines of testbed: what the journal gets, from a real Locust and a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from test_topology import CLUSTER, merged

from testbed.checks.stickiness import check_stickiness
from testbed.designs.design_registry import DEFAULT
from testbed.errors import UsageError
from testbed.incidents import load
from testbed.incidents.incident_model import Load
from testbed.incidents.live_state import LiveState
from testbed.incidents.locust_command import copy_locustfile, locust_command
from testbed.journal import Outcome, RequestSample, read
from testbed.locust import judge
from testbed.topology import resolve

LOCUSTFILE = """
from locust import HttpUser, constant, task

from helper_module import PATH
from testbed.locust import record_requests

record_requests("shop", session="sid")


class Customer(HttpUser):
    wait_time = constant(0.05)

    def on_start(self):
        self.number = 0

    @task
    def browse(self):
        self.client.get(PATH, name="catalogue")

    @task
    def order(self):
        self.number += 1
        token = f"{id(self)}-{self.number}"
        self.client.post("/shop/orders", data={"token": token}, name="order", context={"token": token})

    @task
    def down(self):
        self.client.post("/down", name="pay")

    @task
    def checked(self):
        with self.client.get(PATH, name="checked", catch_response=True) as answer:
            answer.failure("no cart in the page")
"""
INCIDENT = "name: mine\ntitle: It waits\nwhy: to see own users\nload: {%s}\nsteps: [{sleep: 5s}]\n"


class Site(BaseHTTPRequestHandler):
    """A balancer with two app nodes; a visitor's session is on one of them, and one session in five is lost."""

    protocol_version = "HTTP/1.1"
    numbers = count()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        cookie = self.headers.get("Cookie", "")
        self.send_response(502 if self.path == "/down" else 200)
        session = cookie.partition("sid=")[2].partition(";")[0]
        if not session or next(self.numbers) % 5 == 4:
            number = next(self.numbers)
            session = f"s{number}-{session[-1:] or number % 2 + 1}"
            self.send_header("Set-Cookie", f"sid={session}; Path=/")
        self.send_header("X-App-Node", f"app-{session[-1]}")
        self.send_header("X-Balancer", "lb1")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)

    do_POST = do_GET  # noqa: N815 - the server's name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[RequestSample], dict[str, Any], Path]:
    """The requests that Locust's users sent in two seconds, Locust's own statistics, and the journal."""
    folder = tmp_path_factory.mktemp("load")
    (folder / "mine.py").write_text(LOCUSTFILE)
    (folder / "helper_module.py").write_text('PATH = "/shop/"\n')
    (folder / "run").mkdir()
    copy = folder / "run" / copy_locustfile(str(folder / "mine.py"), folder / "run")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    command = locust_command(Load(users=2), 1, 3, f"http://127.0.0.1:{server.server_address[1]}", str(copy))
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *command, "--json"],
        env={**os.environ, "TESTBED_JOURNAL": str(folder / "j"), "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    server.shutdown()
    server.server_close()
    assert (folder / "j").is_file(), done.stderr
    requests_seen = read(folder / "j").of(RequestSample)
    assert all(begun < each.started < each.finished <= time.monotonic() for each in requests_seen)
    return requests_seen, {each["name"]: each for each in json.loads(done.stdout)}, folder / "j"


Played = tuple[list[RequestSample], dict[str, Any], Path]


def test_each_request_is_in_the_journal_with_who_answered(played: Played) -> None:
    requests_seen, statistics, _ = played
    for name in ("catalogue", "order", "pay", "checked"):
        mine = [each for each in requests_seen if each.action == name]
        assert len(mine) == statistics[name]["num_requests"] > 0
        assert {each.application for each in mine} == {"shop"}
        assert {each.balancer for each in mine} == {"lb1"}
        assert {each.app for each in mine} <= {"app-1", "app-2"}
    assert len({each.user for each in requests_seen}) == 2


def test_outcomes_are_those_of_the_checks(played: Played) -> None:
    found = {
        name: {(each.outcome, each.cause) for each in played[0] if each.action == name}
        for name in ("catalogue", "order", "pay", "checked")
    }
    lost = (Outcome.FAILED, "session-lost")
    assert found["pay"] == {(Outcome.UNKNOWN, "http-502")}
    assert found["checked"] == {(Outcome.FAILED, "no cart in the page")}
    assert found["catalogue"] | found["order"] == {(Outcome.OK, ""), lost}
    orders = [each for each in played[0] if each.action == "order"]
    assert len({each.token for each in orders}) == len(orders)
    assert all(not each.token for each in played[0] if each.action != "order")


def test_sessions_are_followed(played: Played) -> None:
    found = check_stickiness(played[0])
    assert len(found.matrix) > 2
    assert all(len(stays) == 1 for stays in found.matrix.values())
    assert found.lost


def test_users_without_a_login_have_a_session(played: Played) -> None:
    live = LiveState(played[2], DEFAULT)
    live.update()
    assert len(live.sessions) == 2


@pytest.mark.parametrize(
    ("error", "outcome", "cause"),
    [
        (None, Outcome.OK, ""),
        (requests.exceptions.ConnectTimeout(), Outcome.FAILED, "connect-timeout"),
        (requests.exceptions.ReadTimeout(), Outcome.UNKNOWN, "timeout"),
        (ConnectionRefusedError(111, "refused"), Outcome.FAILED, "no-connection"),
        (OSError(113, "No route to host"), Outcome.FAILED, "no-connection"),
        (ConnectionResetError(104, "reset"), Outcome.UNKNOWN, "connection-lost"),
        (ValueError("odd\nthing"), Outcome.UNKNOWN, "odd thing"),
    ],
)
def test_a_request_without_an_answer(error: Exception | None, outcome: Outcome, cause: str) -> None:
    assert judge("POST", error, 0) == (outcome, cause)


def test_an_incident_names_its_locust_file(tmp_path: Path) -> None:
    topology = resolve(merged(), [CLUSTER])
    (tmp_path / "users.py").write_text("")
    (path := tmp_path / "mine.yaml").write_text(INCIDENT % "locustfile: users.py, users: 4")
    assert load(path, topology).load.locustfile == str(tmp_path / "users.py")
    path.write_text(INCIDENT % "locustfile: user.py, users: 4")
    with pytest.raises(UsageError, match=r"mine.yaml:4:\d+: no Locust file 'user.py'; its path is relative to"):
        load(path, topology)
    path.write_text(INCIDENT % "locustfile: users.py, think_time: 10%")
    with pytest.raises(UsageError, match=r"mine.yaml:4:\d+: think_time is for webmail users"):
        load(path, topology)
