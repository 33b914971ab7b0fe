"""What the SQL probe decides without a database; with one it is tested in the failover tests."""

from __future__ import annotations

import argparse
import asyncio
import socket
from pathlib import Path

import psycopg
import pytest

from testbed.journal import Outcome, ProbeSample
from testbed.probes.database import conninfo, secret
from testbed.probes.pool import Pool
from testbed.probes.sql import SqlProbe, surely_rolled_back


def options(tmp_path: Path, port: int) -> argparse.Namespace:
    secrets = tmp_path / "secrets.env"
    secrets.write_text("OTHER=x\nPROBE_DB_PASSWORD=abc123\n")
    return argparse.Namespace(host="127.0.0.1", port=port, dbname="probe", user="probe", secrets=str(secrets))


def test_connections_have_little_patience(tmp_path: Path) -> None:
    parameters = psycopg.conninfo.conninfo_to_dict(conninfo(options(tmp_path, 5432), "testbed-probe-x", 2.0))
    assert parameters["tcp_user_timeout"] == "2000"
    assert parameters["hostaddr"] == "127.0.0.1"
    assert parameters["password"] == "abc123"
    assert parameters["application_name"] == "testbed-probe-x"


def test_a_missing_secret_is_told(tmp_path: Path) -> None:
    path = options(tmp_path, 1).secrets
    with pytest.raises(ValueError, match="no MAIL_PASSWORD"):
        secret(path, "MAIL_PASSWORD")


def test_only_the_servers_own_word_proves_a_rollback() -> None:
    assert not surely_rolled_back(psycopg.OperationalError("server closed the connection unexpectedly"))


def write(tmp_path: Path, port: int, count: int) -> list[ProbeSample]:
    async def go() -> list[ProbeSample]:
        pool = Pool(
            conninfo(options(tmp_path, port), "x", 1.0), connect_timeout=0.3, session_timeout=0.3, size=4, attempts=2
        )
        probe = SqlProbe(pool, "run", 1.0)
        return list(await asyncio.gather(*(probe(5.0) for _ in range(count))))

    return asyncio.run(go())


def test_a_write_without_a_connection_surely_failed(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        [sample] = write(tmp_path, unused.getsockname()[1], 1)
    assert sample.outcome is Outcome.FAILED
    assert "refused" in sample.detail
    assert sample.attrs == {"token": "run-000000"}


def test_a_mute_server_is_given_up_and_not_stormed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        samples = write(tmp_path, mute.getsockname()[1], 5)
    assert {sample.outcome for sample in samples} == {Outcome.FAILED}
    assert sorted(sample.detail for sample in samples) == [
        *["2 connection attempts are unanswered"] * 3,
        *["no session within 0.3 s"] * 2,
    ]
    assert max(sample.finished - sample.started for sample in samples) < 1
    assert len({sample.attrs["token"] for sample in samples}) == 5
