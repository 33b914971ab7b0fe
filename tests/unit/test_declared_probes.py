"""Probes that the topology declares: refused mistakes, samples from real servers, and what checks and reports say."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from forging import write
from probing import certificate, samples_of, server_context
from test_probes_sql import Server as SqlServer
from test_topology import CLUSTER, merged, refused

from testbed.checks import judge
from testbed.cli import probes as command
from testbed.errors import UsageError
from testbed.incidents import load
from testbed.journal import Event, FaultStep, Mark, Outcome, ProbeSample, RunPlan, read
from testbed.probes import __main__ as program
from testbed.probes.http_answer import parse_http_answer
from testbed.probes.known_probes import known_probes
from testbed.probes.probe_type import PreparedProbe, ProbeSetup
from testbed.report.analysis import RunAnalysis
from testbed.topology import Topology, resolve
from testbed.topology.declared_probes import as_data

SHOP = {"kind": "http", "url": "/shop/", "session": "sid", "interval": "50ms", "expect": {"text": "cart"}}
ORDERS = {"kind": "sql", "query": "insert into orders values ('{token}')", "interval": "20ms"}
INCIDENT = (
    "name: mine\ntitle: It strikes\nwhy: to see what the shop says\nload: {users: 0}\n"
    "steps: [{inject: power-loss, target: app-1}, {wait_for: service, probes: [%s]}, {heal: all}]\n"
    "expect: {max_outage: {%s: 5s}}\n"
)


def declaring(**probes: object) -> dict[str, Any]:
    """The shipped cluster with an overlay that declares probes."""
    return {**merged(), "x-testbed-mine": {"probes": probes}}


def topology(**probes: object) -> Topology:
    return resolve(declaring(**probes), [CLUSTER])


def data(**probes: object) -> dict[str, dict[str, Any]]:
    return as_data(topology(**probes).probes)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"kind": "htp", "url": "/"}, "shop.kind: 'htp' is not known here; did you mean 'http'? known are http, sql"),
        ({"url": "/"}, "shop: key 'kind' is missing; write which kind it is"),
        ({"kind": "http", "url": "shop"}, "url cannot be 'shop'; url: the page"),
        ({"kind": "http", "url": "/", "interval": "1ms"}, "no probe can be sent every 1ms; use 5ms to 60s"),
        ({"kind": "http", "url": "/", "interval": "1"}, "'1' is not a duration; write a number with its unit"),
        ({"kind": "http", "url": "/", "expect": {"statsu": 1}}, "unknown key 'statsu'; did you mean 'status'?"),
        ({"kind": "http", "url": "/", "session": "a b"}, "session cannot be 'a b'"),
        ({"kind": "http", "url": "/", "query": "x"}, "unknown key 'query'; known keys here: kind, url, expect"),
        ({"kind": "sql", "query": "x", "url": "/"}, "unknown key 'url'; known keys here: kind, query, application"),
        ({"kind": "sql"}, "key 'query' is missing"),
        ({"kind": "sql", "query": "select\n1"}, "query cannot be"),
    ],
)
def test_a_mistake_is_one_line(probe: dict[str, Any], message: str) -> None:
    assert message in refused(declaring(shop=probe))


def test_a_built_in_probe_cannot_be_declared_again() -> None:
    message = refused(declaring(**{"sql-read": ORDERS}))
    assert "'sql-read' is a built-in probe; give it another name" in message


class Shop(BaseHTTPRequestHandler):
    """A shop that keeps sessions in memory; each answer is chunked, and splits the text that is looked for."""

    protocol_version = "HTTP/1.1"
    sessions: list[str] = []  # noqa: RUF012 - shared by all handlers
    status = 200

    def do_GET(self) -> None:
        cookies = dict(each.split("=", 1) for each in self.headers.get("Cookie", "").split("; ") if each)
        self.send_response(self.status)
        if cookies.get("sid") not in self.sessions:
            self.sessions.append(f"s{len(self.sessions)}")
            self.send_header("Set-Cookie", f"sid={self.sessions[-1]}; Path=/; HttpOnly")
        self.send_header("Set-Cookie", "ROUTEID-shop=.app-1; Path=/")
        self.send_header("X-App-Node", "app-1")
        self.send_header("X-Balancer", "lb1")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"4\r\nmy c\r\n3\r\nart\r\n0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    Shop.sessions, Shop.status = [], 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.daemon_threads = True
    server.socket = server_context(certificate(tmp_path)).wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def prepared(server: ThreadingHTTPServer, folder: Path, **keys: object) -> PreparedProbe:
    options = Namespace(site="127.0.0.1", site_port=server.server_address[1], ca=str(folder / "site.pem"), patience=5.0)
    probe = known_probes(data(shop={**SHOP, **keys}))["shop"]
    return probe.prepare(ProbeSetup(options, {"shop": 0.05}, "run"))


def test_an_http_probe_keeps_its_session_and_sees_its_loss(shop: ThreadingHTTPServer, tmp_path: Path) -> None:
    async def go() -> list[ProbeSample]:
        probe = prepared(shop, tmp_path).probe
        samples = await samples_of(probe)
        samples += await samples_of(probe)
        Shop.sessions = ["another"]  # the node lost what it knew
        samples += await samples_of(probe)
        samples += await samples_of(probe)
        await probe.close()
        return samples

    samples = asyncio.run(go())
    assert [(each.outcome, each.detail) for each in samples] == [
        (Outcome.OK, ""), (Outcome.OK, ""), (Outcome.FAILED, "session-lost"), (Outcome.OK, ""),
    ]  # fmt: skip
    sessions = [each.attrs["session"] for each in samples]
    assert sessions[0] == sessions[1] == sessions[2] != sessions[3]
    assert "s0" not in sessions, "the journal does not hold the cookie of a session"
    assert {(each.probe, each.attrs["app"], each.attrs["balancer"]) for each in samples} == {("shop", "app-1", "lb1")}


@pytest.mark.parametrize(
    ("keys", "status", "detail"),
    [
        ({}, 503, "status 503, expected 200"),
        ({"expect": {"status": 404, "text": "cart"}}, 404, ""),
        ({"expect": {"text": "basket"}}, 200, "status 200, the text 'basket' is missing"),
    ],
)
def test_an_answer_must_be_as_expected(
    shop: ThreadingHTTPServer, tmp_path: Path, keys: dict[str, Any], status: int, detail: str
) -> None:
    async def go() -> list[ProbeSample]:
        probe = prepared(shop, tmp_path, **keys).probe
        samples = await samples_of(probe)
        await probe.close()
        return samples

    Shop.status = status
    [sample] = asyncio.run(go())
    assert sample.detail == detail
    assert (sample.outcome is Outcome.OK) == (not detail)


def test_an_answer_without_a_body_is_complete() -> None:
    answer = parse_http_answer(b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n", ended=False)
    assert answer is not None
    assert answer.complete
    assert answer.set_cookies == ("a=1", "b=2")


@pytest.mark.parametrize(("text", "outcome"), [("", Outcome.OK), ("db1", Outcome.OK), ("db2", Outcome.FAILED)])
def test_a_sql_probe_runs_its_query_with_tokens(tmp_path: Path, text: str, outcome: Outcome) -> None:
    (tmp_path / "secrets.env").write_text("PROBE_DB_PASSWORD=abc123\n")
    (tmp_path / "declared.json").write_text(json.dumps(data(orders={**ORDERS, "expect": {"text": text}})))
    with SqlServer() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        arguments = ["--declared", str(tmp_path / "declared.json"), "--journal", str(tmp_path / "j")]
        arguments += ["--host", "127.0.0.1", "--port", str(server.server_address[1]), "--seconds", "0.3"]
        assert program.main([*arguments, "--secrets", str(tmp_path / "secrets.env"), "orders=50ms"]) == 0
        server.shutdown()
    samples = read(tmp_path / "j").of(ProbeSample)
    assert {each.outcome for each in samples} == {outcome}
    assert len({each.token for each in samples}) == len(samples) == 6
    queries = {query for query in server.queries if query.startswith("insert")}
    assert {ORDERS["query"].replace("{token}", each.token) for each in samples} == queries


def test_declared_probes_are_in_the_help_of_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "declared.json").write_text(json.dumps(data(shop=SHOP)))
    with pytest.raises(SystemExit):
        program.parse(["--declared", str(tmp_path / "declared.json"), "--help"])
    assert "  shop         requests /shop/, in a session (sid)\n" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        program.parse(["--declared", str(tmp_path / "absent.json"), "--journal", "j", "shop=1s"])
    assert "absent.json does not declare probes" in capsys.readouterr().err


def test_incidents_name_declared_probes_and_no_others(tmp_path: Path) -> None:
    (path := tmp_path / "mine.yaml").write_text(INCIDENT % ("shop", "shop"))
    assert load(path, topology(shop=SHOP)).expect.max_outage == {"shop": 5.0}
    with pytest.raises(UsageError, match=r"mine.yaml:5:\d+: no probe 'shop'; the probes are tcp, https, webmail"):
        load(path, resolve(merged(), [CLUSTER]))
    path.write_text(INCIDENT % ("tcp", "shp"))
    with pytest.raises(UsageError, match=r"mine.yaml:6:\d+: no probe 'shp'; did you mean 'shop'\?"):
        load(path, topology(shop=SHOP))


def journal(path: Path, *, fault: bool) -> Path:
    """A run whose declared probe moves from app-1 to app-2 and loses its session, after app-1 lost power or not."""
    plan = RunPlan(
        "mine", {"load": {"users": 0}, "steps": [{"sleep": "5s"}], "expect": {"max_outage": {"shop": "1s"}}},
        probes=data(shop=SHOP),
    )  # fmt: skip
    events: list[tuple[float, Event]] = [(0.0, plan), (0.0, Mark("steady"))]
    if fault:
        events += [(1.0, FaultStep("k", step, "power-loss", "app-1", "app-1")) for step in ("inject", "injected")]
    for number in range(20):
        at = 2.0 + number
        sample = ProbeSample("shop", at, at, at + 0.01, Outcome.OK, attrs={"app": "app-1", "session": "one"})
        if number >= 10:
            sample = replace(sample, attrs={"app": "app-2", "session": "two" if number > 10 else "one"})
        if number == 10:
            sample = replace(sample, outcome=Outcome.FAILED, detail="session-lost")
        events.append((at, sample))
    write(path, [*events, (30.0, Mark("timeline-done")), (31.0, Mark("run-ends"))])
    return path


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [(True, "pass", "session one went from app-1 to app-2: power-loss on app-1"),
     (False, "fail", "session one went from app-1 to app-2 without a cause")],
)  # fmt: skip
def test_checks_judge_a_declared_probe(tmp_path: Path, *, fault: bool, status: str, text: str) -> None:
    found = {each.check: each for each in judge(read(journal(tmp_path / "j", fault=fault)))}
    assert found["stickiness"].status == status
    assert text in {fact.text for fact in found["stickiness"].evidence}
    assert found["outage"].status == "fail"
    assert "shop: longest 2.00 s of at most 1 s" in found["outage"].summary


def test_a_report_shows_a_declared_probe(tmp_path: Path) -> None:
    analysis = RunAnalysis.of(read(journal(tmp_path / "j", fault=True)))
    assert analysis.summary("run").outages["shop"].failed == 1
    assert list(analysis.stickiness.matrix) == ["one", "two"]
    assert list(analysis.stickiness.lost) == ["one"]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_command_lists_all_probes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    monkeypatch.setattr(command, "Cluster", lambda: SimpleNamespace(topology=topology(shop=SHOP)))
    command.probes(as_json=as_json)
    printed = capsys.readouterr().out
    if as_json:
        found = {each["name"]: each for each in json.loads(printed)}
        assert found["shop"]["declared"] is not found["tcp"]["declared"]
        assert found["shop"]["interval"] == 0.05
    else:
        lines = {line.split()[0]: line for line in printed.splitlines()}
        assert "requests /shop/, in a session (sid)" in lines["shop"]
        assert "every 50ms" in lines["shop"]
        assert "sql-write" in lines
