"""The HTTPS and TCP probes against real servers on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from probing import certificate, probe_once, samples_of, server_context

from testbed.journal import Outcome, ProbeSample
from testbed.probes import handshake_rate, https
from testbed.probes.handshake_rate import HandshakeRate
from testbed.probes.http_answer import parse_http_answer
from testbed.probes.https import HttpsProbe
from testbed.probes.tcp import TcpProbe
from testbed.probes.tcp_connect import NoAddressError, resolve


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    resumed: list[bool] = []  # noqa: RUF012 - shared by all handlers
    cookies: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(1)
        body = b"<title>Fatal Error</title>" if self.path == "/fatal" else b"alive\n"
        self.cookies.append(self.headers.get("Cookie", ""))
        self.send_response(503 if self.path == "/down" else 200)
        self.send_header("X-Balancer", "lb2")
        self.send_header("X-App-Node", "app-1")
        self.send_header("Set-Cookie", "ROUTEID=.app-1; Path=/; Secure")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def setup(self) -> None:
        self.request.do_handshake()
        self.resumed.append(self.request.session_reused)
        super().setup()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us hangs up."""


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


class Busy(Handler):
    """A server whose one processor takes 60 ms for a TLS handshake, and that is down for a second."""

    processor = threading.Lock()
    begun: list[float] = []  # noqa: RUF012 - shared by all handlers
    down_until = 0.0

    def setup(self) -> None:
        self.begun.append(time.monotonic())
        with self.processor:
            time.sleep(0.06)
        super().setup()

    def do_GET(self) -> None:
        self.path = "/down" if time.monotonic() < self.down_until else self.path
        super().do_GET()


@pytest.fixture
def port(pem: Path) -> Iterator[int]:
    yield from serving(pem, Handler)


def serving(pem: Path, handler: type[Handler]) -> Iterator[int]:
    Handler.resumed, Handler.cookies = [], []
    with Server(("127.0.0.1", 0), handler) as server:
        server.socket = server_context(pem).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def making(pem: Path, port: int, path: str = "/alive", timeout: float = 1.0) -> Callable[[], HttpsProbe]:
    def make() -> HttpsProbe:
        context = ssl.create_default_context(cafile=str(pem))
        return HttpsProbe("127.0.0.1", ("127.0.0.1", port), context, path=path, timeout=timeout)

    return make


def test_a_good_page_names_the_node_that_answered(pem: Path, port: int) -> None:
    [sample] = probe_once(making(pem, port))
    assert (sample.outcome, sample.detail) == (Outcome.OK, "")
    assert sample.scheduled == 5.0
    assert sample.attrs == {"balancer": "lb2", "app": "app-1"}


def test_a_connection_is_kept_for_some_pages_and_its_tls_session_for_the_next(pem: Path, port: int) -> None:
    async def go() -> list[ProbeSample]:
        probe = making(pem, port)()
        samples = [(await samples_of(probe))[0] for _ in range(25)]
        await probe.close()
        return samples

    assert {sample.outcome for sample in asyncio.run(go())} == {Outcome.OK}
    assert Handler.resumed == [False, True, True]
    assert not any(Handler.cookies)


@pytest.mark.parametrize("path", ["/fatal", "/down"])
def test_a_page_is_judged_by_content_and_status(pem: Path, port: int, path: str) -> None:
    samples = probe_once(making(pem, port, path, 5), 3, 0.1)
    assert {sample.outcome for sample in samples} == {Outcome.FAILED}
    assert "not as expected" in samples[0].detail
    assert samples[0].attrs["balancer"] == "lb2"
    # What failed is tried afresh.
    assert len(Handler.resumed) == 3


def test_an_answer_that_is_late_is_unknown(pem: Path, port: int) -> None:
    [sample] = probe_once(making(pem, port, "/slow", 0.3))
    assert (sample.outcome, sample.detail) == (Outcome.UNKNOWN, "timeout after 0.3 s")
    assert 0.3 <= sample.finished - sample.started < 0.6


def test_a_slow_page_delays_no_other(pem: Path, port: int) -> None:
    begun = time.monotonic()
    samples = probe_once(making(pem, port, "/slow", 3), 5, 0.02)
    assert time.monotonic() - begun < 1.8
    assert {sample.outcome for sample in samples} == {Outcome.OK}


def test_hanging_requests_are_bounded_and_avoided(pem: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "WARY", 2)
    monkeypatch.setattr(https, "FULL", 4)

    async def go() -> list[ProbeSample]:
        probe = making(pem, port, timeout=0.3)()
        await samples_of(probe)
        probe._request = probe._request.replace("/alive", "/slow")
        samples = await samples_of(probe, 6, 0.02)
        return [*samples, *await samples_of(probe)]

    samples = asyncio.run(go())
    assert [sample.outcome for sample in samples] == [Outcome.UNKNOWN] * 4 + [Outcome.FAILED] * 3
    assert samples[-1].detail == "not sent: the site holds 4 unanswered requests"
    time.sleep(1)  # the slow pages are counted when they are written
    assert sorted(Handler.cookies) == ["", "", "", "ROUTEID=.app-1", "ROUTEID=.app-1"]


def test_the_end_of_an_outage_is_not_put_off_by_the_probe(pem: Path) -> None:
    """A site that bears sixteen handshakes a second, probed fifty times a second, serves as soon as it can again."""
    Busy.begun, Busy.down_until = [], time.monotonic() + 1
    for port in serving(pem, Busy):
        samples = probe_once(making(pem, port), 150, 0.02)
    assert len(samples) == 150
    down, later = Outcome.FAILED, [sample for sample in samples if sample.started > Busy.down_until + 0.3]
    assert [sample for sample in samples if sample.outcome is down]
    assert {sample.outcome for sample in later} == {Outcome.OK}
    # The last handshakes of the outage were still to be made.
    assert max(sample.finished - sample.started for sample in later[50:]) < 0.5
    in_a_second = max(sum(begin <= each < begin + 1 for each in Busy.begun) for begin in Busy.begun)
    assert in_a_second <= handshake_rate.AT_LEAST + handshake_rate.TOGETHER


def test_a_probe_that_is_held_back_ends_with_the_answer_of_another(pem: Path, port: int) -> None:
    samples = probe_once(making(pem, port, "/down"), 40, 0.005)
    held = [sample for sample in samples if "held" in sample.attrs]
    assert len(Handler.resumed) < 10  # connections that were opened; the others are held back
    assert len(held) == 40 - len(Handler.resumed)
    assert {(sample.outcome, sample.attrs["app"], sample.detail) for sample in held} == {
        (Outcome.FAILED, "app-1", "status 503, content not as expected")
    }


def test_a_healthy_site_is_asked_by_each_probe(pem: Path, port: int) -> None:
    samples = probe_once(making(pem, port), 60, 0.02)
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    assert not [sample for sample in samples if "held" in sample.attrs]


def test_the_pace_is_that_of_the_answers_and_at_least_ten_a_second() -> None:
    for answers, expected in ((0, 10), (5, 10), (30, 30)):
        measured = HandshakeRate()
        begun = 0
        for millisecond in range(3000):
            now = 100 + millisecond / 1000
            if answers and millisecond % (1000 // answers) == 0:
                measured.answered(now)
            if measured.may_begin(now):
                measured.begun()
                begun += 1 if millisecond >= 2000 else 0
        assert begun == pytest.approx(expected, abs=2)


def test_a_refused_connection_is_a_failure(pem: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        [page] = probe_once(making(pem, port))
        [connection] = probe_once(lambda: TcpProbe(("127.0.0.1", port)))
    for sample in (page, connection):
        assert (sample.outcome, sample.detail) == (Outcome.FAILED, "no connection: Connection refused")


def test_a_server_that_does_not_shake_hands_is_not_stormed(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "HANDSHAKE", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        samples = probe_once(making(pem, mute.getsockname()[1], timeout=0.3), 3)
    assert [(sample.outcome, sample.detail) for sample in samples] == [
        (Outcome.FAILED, "timeout after 0.3 s"),
        (Outcome.FAILED, "timeout after 0.3 s"),
        (Outcome.FAILED, "2 TLS handshakes are unanswered"),
    ]


def answering_once(pem: Path, serve: Callable[[ssl.SSLSocket], None]) -> int:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with listener, server_context(pem).wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(4096)
            serve(connection)

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def test_a_connection_closed_without_an_answer_is_unknown(pem: Path) -> None:
    [sample] = probe_once(making(pem, answering_once(pem, lambda _: None)))
    assert sample.outcome is Outcome.UNKNOWN
    assert "lost" in sample.detail


def test_an_answer_that_is_no_http_is_unknown(pem: Path) -> None:
    port = answering_once(pem, lambda connection: connection.sendall(b"220 mail ESMTP\r\n"))
    [sample] = probe_once(making(pem, port))
    assert (sample.outcome, sample.detail) == (Outcome.UNKNOWN, "no HTTP answer in 16 bytes")


def test_an_answer_in_pieces_is_put_together(pem: Path) -> None:
    def serve(connection: ssl.SSLSocket) -> None:
        for piece in (b"HTTP/1.1 200 OK\r\nContent-", b"Length: 5\r\n\r\nal", b"ive"):
            connection.sendall(piece)
            time.sleep(0.02)

    [sample] = probe_once(making(pem, answering_once(pem, serve)))
    assert sample.outcome is Outcome.OK


def test_tls_that_cannot_be_verified_is_a_failure(port: int, tmp_path: Path) -> None:
    [sample] = probe_once(making(certificate(tmp_path), port))
    assert sample.outcome is Outcome.FAILED
    assert "CERTIFICATE_VERIFY_FAILED" in sample.detail


def test_connections_are_counted_and_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        samples = probe_once(lambda: TcpProbe(server.getsockname()), 3)
        connection, _ = server.accept()
        with connection, pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert {(sample.probe, sample.outcome, sample.detail) for sample in samples} == {("tcp", Outcome.OK, "")}


def test_an_address_that_is_silent_is_given_up() -> None:
    # A listener whose queue is full drops what comes.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.create_connection(full.getsockname()):
            [sample] = probe_once(lambda: TcpProbe(full.getsockname(), timeout=0.1))
    assert (sample.outcome, sample.detail) == (Outcome.FAILED, "no connection within 0.1 s")
    assert 0.1 <= sample.finished - sample.started < 0.3


def test_a_name_without_an_address_raises() -> None:
    with pytest.raises(NoAddressError, match=r"nowhere\.invalid has no address"):
        resolve("nowhere.invalid", 443)


def test_answers_are_taken_apart() -> None:
    whole = parse_http_answer(b"HTTP/1.1 502 Bad\r\nX-Balancer: lb1\r\nContent-Length: 4\r\n\r\nbody", ended=False)
    assert whole
    assert (whole.status, whole.headers["x-balancer"], whole.body, whole.complete) == (502, "lb1", b"body", True)
    assert parse_http_answer(b"HTTP/1.1 200", ended=False) is None
    for body, ended, complete in ((b"bo", False, False), (b"bo", True, True)):
        answer = parse_http_answer(b"HTTP/1.1 200 OK\r\n\r\n" + body, ended=ended)
        assert answer
        assert answer.complete is complete
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nalive\r\n"
    assert [parse_http_answer(chunked + rest, ended=False).complete for rest in (b"", b"0\r\n\r\n")] == [False, True]  # type: ignore[union-attr]
    for bad in (b"", b"HTTP/1.1 200 OK\r\n", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"):
        with pytest.raises(ValueError, match=r"no HTTP answer|invalid literal"):
            parse_http_answer(bad, ended=True)
