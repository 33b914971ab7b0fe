"""The SQL probes against a small server that speaks PostgreSQL's protocol; with a real one in the failover tests."""

from __future__ import annotations

import argparse
import asyncio
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from probing import probe_once, samples_of

from testbed.journal import Outcome, ProbeSample
from testbed.probes.database_options import conninfo, secret
from testbed.probes.sql import READ, SqlReadProbe, SqlWriteProbe
from testbed.probes.sql_pool import SqlPool


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def complaint(severity: bytes) -> bytes:
    return message(b"E", b"S" + severity + b"\0V" + severity + b"\0C25006\0Mno\0\0")


READY = message(b"Z", b"I")
ROW = message(b"T", struct.pack("!h", 1) + b"x\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)) + message(
    b"D", struct.pack("!hi", 1, 3) + b"db1"
)
GOOD = ROW + message(b"C", b"INSERT 0 1\0") + READY


class Server(socketserver.ThreadingTCPServer):
    """Takes any password, and answers queries as the test decides."""

    daemon_threads = True
    answer = GOOD
    hang_up = False
    delay = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.sessions = 0
        self.queries: list[str] = []


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        [length] = struct.unpack("!i", self.rfile.read(4))
        self.rfile.read(length - 4)
        self.server.sessions += 1
        self.wfile.write(message(b"R", struct.pack("!i", 0)) + READY)
        while kind := self.rfile.read(1):
            [length] = struct.unpack("!i", self.rfile.read(4))
            body = self.rfile.read(length - 4)
            if kind != b"Q":
                return
            self.server.queries.append(body.rstrip(b"\0").decode())
            time.sleep(self.server.delay)
            self.wfile.write(self.server.answer)
            if self.server.hang_up:
                return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def options(tmp_path: Path, port: int) -> argparse.Namespace:
    secrets = tmp_path / "secrets.env"
    secrets.write_text("OTHER=x\nPROBE_DB_PASSWORD=abc123\n")
    return argparse.Namespace(host="127.0.0.1", port=port, dbname="probe", user="probe", secrets=str(secrets))


@pytest.fixture
def pool(tmp_path: Path) -> Callable[..., SqlPool]:
    def make(port: int, size: int = 4) -> SqlPool:
        info = conninfo(options(tmp_path, port), "x", 1.0)
        return SqlPool(info, connect_timeout=0.3, session_timeout=0.3, size=size, attempts=2)

    return make


Pools = Callable[..., SqlPool]


def test_connections_have_little_patience(tmp_path: Path) -> None:
    parameters = psycopg.conninfo.conninfo_to_dict(conninfo(options(tmp_path, 5432), "testbed-probe-x", 2.0))
    assert parameters["tcp_user_timeout"] == "2000"
    assert parameters["hostaddr"] == "127.0.0.1"
    assert parameters["password"] == "abc123"
    assert parameters["application_name"] == "testbed-probe-x"


def test_a_missing_secret_raises(tmp_path: Path) -> None:
    path = options(tmp_path, 1).secrets
    with pytest.raises(ValueError, match="no MAIL_PASSWORD"):
        secret(path, "MAIL_PASSWORD")


def test_a_read_names_the_node_that_answered(server: Server, pool: Pools) -> None:
    [sample] = probe_once(lambda: SqlReadProbe(pool(server.server_address[1]), 1.0))
    assert (sample.probe, sample.outcome, sample.detail, sample.token) == ("sql-read", Outcome.OK, "", "")
    assert sample.attrs == {"database": "db1"}
    assert server.queries == [READ.decode()]


def test_each_write_has_a_token_of_its_own(server: Server, pool: Pools) -> None:
    samples = probe_once(lambda: SqlWriteProbe(pool(server.server_address[1]), 1.0, "run"), 2, 0.1)
    assert [(sample.outcome, sample.token) for sample in samples] == [(Outcome.OK, f"run-{n:06d}") for n in (0, 1)]
    assert [sample.token in query for sample, query in zip(samples, server.queries, strict=True)] == [True, True]
    assert server.queries[0].startswith("insert into writes (token) values ('run-000000') returning ")
    assert server.sessions == 1


def test_a_node_without_a_name_is_not_recorded(server: Server, pool: Pools) -> None:
    server.answer = GOOD.replace(struct.pack("!hi", 1, 3) + b"db1", struct.pack("!hi", 1, 0)).replace(
        b"D" + struct.pack("!i", 13), b"D" + struct.pack("!i", 10)
    )
    [sample] = probe_once(lambda: SqlReadProbe(pool(server.server_address[1]), 1.0))
    assert (sample.outcome, sample.attrs) == (Outcome.OK, {})


@pytest.mark.parametrize(
    ("answer", "hang_up", "outcome", "detail"),
    [
        (complaint(b"ERROR") + READY, False, Outcome.FAILED, "ERROR: no"),
        (complaint(b"FATAL"), True, Outcome.UNKNOWN, "FATAL: no"),
        (b"", True, Outcome.UNKNOWN, "closed the connection"),
        (ROW, True, Outcome.UNKNOWN, "closed the connection"),  # a row proves no commit
        (b"", False, Outcome.UNKNOWN, "no answer within 0.3 s"),
    ],
)
def test_only_the_servers_own_word_proves_a_rollback(
    server: Server, pool: Pools, answer: bytes, hang_up: bool, outcome: Outcome, detail: str
) -> None:
    server.answer, server.hang_up = answer, hang_up
    [sample] = probe_once(lambda: SqlWriteProbe(pool(server.server_address[1]), 0.3, "run"))
    assert sample.outcome is outcome
    assert detail in sample.detail
    assert "\n" not in sample.detail


def test_what_was_committed_is_good_even_if_the_server_goes_then(server: Server, pool: Pools) -> None:
    server.answer, server.hang_up = GOOD.removesuffix(READY), True
    [sample] = probe_once(lambda: SqlWriteProbe(pool(server.server_address[1]), 1.0, "run"))
    assert sample.outcome is Outcome.OK


def test_a_session_that_ended_while_idle_costs_no_probe(server: Server, pool: Pools) -> None:
    server.hang_up = True
    samples = probe_once(lambda: SqlReadProbe(pool(server.server_address[1]), 1.0), 3, 0.1)
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    assert server.sessions == 3


def test_a_slow_server_is_not_given_more_sessions_than_it_may_have(server: Server, pool: Pools) -> None:
    server.delay = 0.15
    samples = probe_once(lambda: SqlReadProbe(pool(server.server_address[1], 2), 1.0), 8, 0.01)
    assert server.sessions == 2
    # Who waits for a session is late, or, after the time for a handshake, fails.
    late = [sample for sample in samples if sample.finished - sample.started > 0.25]
    failed = [sample for sample in samples if sample.outcome is Outcome.FAILED]
    assert [sample.outcome for sample in samples[:4]] == [Outcome.OK] * 4
    assert len(late) >= 2
    assert failed
    assert {sample.detail for sample in failed} == {
        "no session within 0.3 s: all 2 sessions are waiting for the server"
    }


def test_probes_share_a_pool(server: Server, pool: Pools) -> None:
    async def go() -> list[ProbeSample]:
        shared = pool(server.server_address[1])
        reads, writes = SqlReadProbe(shared, 1.0), SqlWriteProbe(shared, 1.0, "run")
        samples = [*await samples_of(reads), *await samples_of(writes), *await samples_of(reads)]
        await reads.close()
        await writes.close()
        return samples

    assert [sample.outcome for sample in asyncio.run(go())] == [Outcome.OK] * 3
    assert server.sessions == 1


def test_a_write_without_a_connection_surely_failed(pool: Pools) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        [sample] = probe_once(lambda: SqlWriteProbe(pool(unused.getsockname()[1]), 1.0, "run"))
    assert sample.outcome is Outcome.FAILED
    assert "refused" in sample.detail
    assert (sample.token, sample.attrs) == ("run-000000", {})


def test_a_mute_server_is_given_up_and_not_stormed(pool: Pools) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        samples = probe_once(lambda: SqlWriteProbe(pool(mute.getsockname()[1]), 1.0, "run"), 5)
    assert {sample.outcome for sample in samples} == {Outcome.FAILED}
    details = Counter(sample.detail for sample in samples)
    assert details.pop("no session within 0.3 s") == 2
    # Which bound a probe meets depends on how quickly the kernel shook hands.
    assert set(details) <= {
        "2 connection attempts are unanswered",
        "no session within 0.3 s: the server is establishing as many as it may",
    }
    assert max(sample.finished - sample.started for sample in samples) < 1
    assert len({sample.token for sample in samples}) == 5
