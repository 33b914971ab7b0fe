"""The HTTP probe against a real server in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from testbed.journal import Outcome, ProbeSample
from testbed.probes.http import HttpProbe, main, parse_answer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(3)
        self.send_response(503 if self.path == "/down" else 200)
        self.send_header("X-Balancer", "lb2")
        self.send_header("X-App-Node", "app-1")
        self.end_headers()
        self.wfile.write(b"<title>Fatal Error</title>" if self.path == "/fatal" else b"alive\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def probe(url: str, timeout: float = 1.0) -> ProbeSample:
    async def go() -> ProbeSample:
        return await HttpProbe(url, "alive", timeout, None)(5.0)

    return asyncio.run(go())


def test_a_good_page_tells_who_answered(site: str) -> None:
    sample = probe(f"{site}/alive")
    assert sample.outcome is Outcome.OK
    assert sample.scheduled == 5.0
    assert sample.attrs == {"balancer": "lb2", "app": "app-1"}


@pytest.mark.parametrize("path", ["/fatal", "/down"])
def test_a_page_is_judged_by_content_and_status(site: str, path: str) -> None:
    sample = probe(site + path)
    assert sample.outcome is Outcome.FAILED
    assert "not as expected" in sample.detail


def test_an_answer_that_is_late_is_unknown(site: str) -> None:
    sample = probe(f"{site}/slow")
    assert sample.outcome is Outcome.UNKNOWN
    assert "timeout" in sample.detail
    assert sample.finished - sample.started < 2.5


def test_nobody_there_is_a_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        sample = probe(f"http://127.0.0.1:{unused.getsockname()[1]}/alive")
    assert sample.outcome is Outcome.FAILED
    assert "Connect" in sample.detail


def answering_once(serve: Callable[[socket.socket], None]) -> str:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(4096)
            serve(connection)

    threading.Thread(target=accept, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}/alive"


def test_a_connection_closed_without_an_answer_is_unknown() -> None:
    assert probe(answering_once(lambda _: None)).outcome is Outcome.UNKNOWN


def test_an_answer_that_is_no_http_is_unknown() -> None:
    assert (
        probe(answering_once(lambda connection: connection.sendall(b"220 mail ESMTP\r\n"))).outcome is Outcome.UNKNOWN
    )


def test_tls_that_cannot_be_verified_is_a_failure(site: str) -> None:
    assert probe(site.replace("http://", "https://")).outcome is Outcome.FAILED


def test_answers_are_taken_apart() -> None:
    answer = parse_answer(b"HTTP/1.1 502 Bad Gateway\r\nX-Balancer: lb1\r\n\r\nbody\r\n\r\nmore")
    assert (answer.status, answer.headers["x-balancer"], answer.body) == (502, "lb1", b"body\r\n\r\nmore")
    for bad in (b"", b"HTTP/1.1 200 OK\r\n", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"):
        with pytest.raises(ValueError, match=r"no HTTP answer|invalid literal"):
            parse_answer(bad)


def test_bad_usage_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    assert main(["--url", "ftp://x/", "--journal", f"{tmp_path}/j"]) == 2
    assert capsys.readouterr().err == "probe http: ftp://x/ is not an http URL\n"
    with pytest.raises(SystemExit):
        main(["--url", "http://127.0.0.1/", "--journal", f"{tmp_path}/j", "--interval", "0"])
