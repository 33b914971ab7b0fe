"""Acknowledged work of an application: where it is declared, how it is read back, and what the check says."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from forging import write
from probing import certificate, server_context
from test_topology import CLUSTER, merged, refused

from testbed.applications.servers import server_files
from testbed.checks import Verdict, judge
from testbed.cluster import secrets
from testbed.errors import TestbedError, UsageError
from testbed.journal import Event, Journal, Mark, Outcome, ProbeSample, RequestSample, RunPlan, Settled, read
from testbed.probes import application_read_back
from testbed.probes.attempted_work import attempted_work
from testbed.probes.read_back_status import UNREADABLE
from testbed.pytest_plugin.cluster_under_test import ClusterUnderTest, JournalFixture
from testbed.topology import Topology, resolve

SHOP = {"kind": "wsgi", "port": 8090, "path": "/shop/", "database": True, "read_back": {"url": "/shop/tokens"}}
PLAN = RunPlan(
    "mine", {"load": {"users": 2}}, read_back={"shop": {"url": "/shop/tokens"}},
    probes={"orders": {"kind": "sql", "query": "q", "application": "shop", "interval": 1.0}},
)  # fmt: skip


def with_shop(**keys: object) -> dict[str, Any]:
    shop = {name: value for name, value in {**SHOP, **keys}.items() if value is not None}
    return {**merged(), "x-testbed-mine": {"applications": {"shop": shop}}}


def topology(**keys: object) -> Topology:
    return resolve(with_shop(**keys), [CLUSTER])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"read_back": {}}, "it needs a url or a query, and not both"),
        ({"read_back": {"url": "/a", "query": "select 1"}}, "it needs a url or a query, and not both"),
        ({"read_back": {"query": "select 1"}, "database": None}, "the application has no database; add database: true"),
        ({"read_back": {"url": "tokens"}}, "url cannot be 'tokens'"),
    ],
)
def test_where_work_can_be_read_back(keys: dict[str, Any], message: str) -> None:
    assert message in refused(with_shop(**keys))


def test_the_clusters_own_databases_are_not_for_applications() -> None:
    document = with_shop()
    document["x-testbed-mine"]["applications"]["horde"] = document["x-testbed-mine"]["applications"].pop("shop")
    assert "the database 'horde' is not for applications" in refused(document)


def test_a_sql_probe_needs_an_application_with_a_database() -> None:
    document = with_shop(database=None)
    document["x-testbed-mine"]["probes"] = {"orders": {"kind": "sql", "query": "select 1", "application": "shop"}}
    assert "no application 'shop' with a database" in refused(document)


def test_each_database_has_one_password_for_app_nodes_and_observer(tmp_path: Path) -> None:
    design = topology()
    secrets.ensure(tmp_path, design)
    first = secrets.ensure_database_passwords(tmp_path, design)
    assert first == secrets.ensure_database_passwords(tmp_path, design)
    for node in ("app", "observer"):
        path = tmp_path / "nodes" / node / "secrets.env"
        lines = path.read_text().splitlines()
        assert lines.count(f"SHOP_DB_PASSWORD={first['shop']}") == 1
        assert len(lines) >= 2, "the secrets that were there stay"
        assert path.stat().st_mode & 0o777 == 0o600
    assert "SHOP_DB_PASSWORD" not in (tmp_path / "nodes" / "client" / "secrets.env").read_text()
    assert "DATABASE='yes'\n" in server_files(design)["shop.env"]


def request(token: str, outcome: Outcome, cause: str = "") -> tuple[float, Event]:
    sample = RequestSample("s", "u", "order", "lb1", "app-1", 5.0, 0.1, outcome, cause, "shop", token)
    return 5.1, sample


WORK = [
    request("kept", Outcome.OK), request("maybe", Outcome.UNKNOWN, "timeout"),
    request("not-sent", Outcome.FAILED, "no-connection"), request("error", Outcome.FAILED, "http-500"),
    (6.0, ProbeSample("orders", 6.0, 6.0, 6.1, Outcome.OK, token="p1")),
]  # fmt: skip
END: list[tuple[float, Event]] = [(20.0, Mark("timeline-done")), (30.0, Mark("run-ends"))]


def test_a_request_that_was_sent_and_failed_may_have_been_done(tmp_path: Path) -> None:
    write(tmp_path / "j", [(0.0, PLAN), *WORK])
    assert attempted_work(read(tmp_path / "j"), "shop") == {
        "kept": Outcome.OK, "maybe": Outcome.UNKNOWN, "not-sent": Outcome.FAILED, "error": Outcome.UNKNOWN,
        "p1": Outcome.OK,
    }  # fmt: skip
    assert attempted_work(read(tmp_path / "j"), "wiki") == {}


def durability(path: Path, plan: RunPlan, after: list[tuple[float, Event]]) -> Verdict:
    write(path, [(0.0, plan), (1.0, Mark("steady")), *WORK, *after, *END])
    [found] = [each for each in judge(read(path)) if each.check == "durability"]
    return found


def read_back(**copies: int) -> list[tuple[float, Event]]:
    every = {"kept": 1, "maybe": 0, "not-sent": 0, "error": 1, "p1": 1} | copies
    settled: list[tuple[float, Event]] = [
        (21.0, Settled(token.replace("_", "-"), count, "shop")) for token, count in every.items()
    ]
    return [*settled, (22.0, Mark("application-settled", attrs={"application": "shop"}))]


@pytest.mark.parametrize(
    ("after", "status", "text"),
    [
        (read_back(), "pass", ""),
        (read_back(kept=0), "fail", "shop: kept was acknowledged, and is not there"),
        (read_back(p1=0), "fail", "shop: p1 was acknowledged, and is not there"),
        (read_back(kept=2), "fail", "shop: kept is found more than once"),
        (read_back(**{"not-sent": 1}), "fail", "shop: not-sent was refused, and is there"),
        ([], "unknown", "the work of shop was not read back: what became of it is not known"),
        (
            [(22.0, Mark("application-unreadable", attrs={"application": "shop", "reason": "status 502"}))],
            "fail", "the work of shop cannot be read back: status 502; 2 pieces were acknowledged",
        ),
    ],
)  # fmt: skip
def test_durability_covers_the_work(tmp_path: Path, after: list[tuple[float, Event]], status: str, text: str) -> None:
    found = durability(tmp_path / "j", PLAN, after)
    assert found.status == status
    assert not text or text in {fact.text for fact in found.evidence}
    assert status != "pass" or "shop: 2 writes acknowledged, 0 of them missing" in found.summary


def test_work_that_cannot_be_read_back_is_named(tmp_path: Path) -> None:
    found = durability(tmp_path / "j", RunPlan("mine", {"load": {"users": 2}}), [])
    assert found.status == "pass"
    assert "shop acknowledged 1 pieces of work, and does not say where to read them back" in {
        fact.text for fact in found.evidence
    }


class Tokens(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        body = b"kept\nother\nkept\nerror\n"
        self.send_response(self.status if self.path == "/shop/tokens" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[list[str]]:
    """The options for a site that lists tokens."""
    Tokens.status = 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    server.daemon_threads = True
    server.socket = server_context(certificate(tmp_path)).wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield ["--site", "127.0.0.1", "--site-port", str(server.server_address[1]), "--ca", str(tmp_path / "site.pem")]
    server.shutdown()
    server.server_close()


def test_tokens_are_read_from_a_page(tmp_path: Path, site: list[str]) -> None:
    write(tmp_path / "j", [(0.0, PLAN), *WORK])
    common = ["--journal", str(tmp_path / "j"), "--application", "shop", *site]
    assert application_read_back.main([*common, "--url", "/shop/tokens"]) == 0
    found = read(tmp_path / "j")
    assert {each.token: each.copies for each in found.of(Settled)} == {
        "kept": 2, "maybe": 0, "not-sent": 0, "error": 1, "p1": 0,
    }  # fmt: skip
    assert {each.application for each in found.of(Settled)} == {"shop"}
    assert found.of(Mark)[-1].attrs == {"application": "shop", "tokens": "5", "found": "2", "seconds": "60"}


def test_a_page_that_is_not_answered_is_a_finding(
    tmp_path: Path, site: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Tokens.status = 503
    write(tmp_path / "j", [(0.0, PLAN), *WORK])
    common = ["--journal", str(tmp_path / "j"), "--application", "shop", "--timeout", "0.1", *site]
    assert application_read_back.main([*common, "--url", "/shop/tokens"]) == UNREADABLE
    assert "the work of shop cannot be read back: /shop/tokens answers with the status 503" in capsys.readouterr().err
    assert read(tmp_path / "j").of(Mark)[-1].name == "application-unreadable"


class Ended:
    """A run that has ended, as the plugin's journal reads it."""

    def __init__(self, path: Path) -> None:
        self.folder, self._path = path.parent, path
        self.run = self

    def end(self) -> Ended:
        return self

    def journal(self) -> Journal:
        return read(self._path)


def test_the_pytest_plugin_names_lost_work(tmp_path: Path) -> None:
    def fixture(after: list[tuple[float, Event]]) -> JournalFixture:
        write(tmp_path / "j", [(0.0, PLAN), *WORK, *after, *END])
        return JournalFixture(cast("ClusterUnderTest", Ended(tmp_path / "j")))

    assert fixture(read_back(p1=0)).lost_work("shop") == ["p1"]
    with pytest.raises(UsageError, match="the application 'wiki' declares no read_back; declare it; these do: shop"):
        fixture(read_back()).lost_work("wiki")
    with pytest.raises(TestbedError, match="the work of shop could not be read back"):
        fixture([]).lost_work("shop")
