"""The programs of a database node of the streaming design: promotion, demotion, and how a standby finds its primary."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_programs import Node

from testbed.wait import wait_until

PROGRAMS = Path(__file__).parents[2] / "images/streaming/files/usr/lib/testbed"
VARIABLES = {
    "NODE": "db1", "PEER": "db2", "DATABASE_ADDRESS": "198.18.1.20", "BACKEND_ADDRESS": "198.18.1.21",
    "PEER_REPLICATION_ADDRESS": "198.18.2.22", "PROMOTE_SECONDS": "2",
}  # fmt: skip
# Answers as PostgreSQL does: `standby`, `streams` and `peer` are files that say what is so.
PSQL = r"""
case "$*" in
    *"alter role"* | *ON_ERROR_STOP*) cat >>"$ROOT/sql" ;;
    *198.18.2.22*pg_is_in_recovery*) [ -e "$ROOT/peer" ] && cat "$ROOT/peer" ;;
    *pg_promote*) rm "$ROOT/standby" && echo t ;;
    *pg_is_in_recovery*) [ -e "$ROOT/standby" ] && echo t || echo f ;;
    *pg_stat_wal_receiver*) [ -e "$ROOT/streams" ] && echo streaming ;;
    *"select 1"*) [ -e "$ROOT/runs" ] && echo 1 ;;
esac
"""
ADDRESSES = r"""
case "$*" in
    "-o -4 addr") printf '2: eth0    inet 198.18.1.21/24 scope global eth0\n'
        [ -e "$ROOT/address" ] && printf '2: eth0    inet 198.18.1.20/32 scope global eth0\n' ;;
    *replace*) : >"$ROOT/address" ;;
    *delete*) rm "$ROOT/address" ;;
esac
"""


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A standby, whose server starts when it is started."""
    node = Node(tmp_path, usr_lib_testbed=PROGRAMS)
    secrets = "HORDE_DB_PASSWORD=abc\nPROBE_DB_PASSWORD=def\nREPLICATION_PASSWORD=ghi\n"
    node.write("run/testbed/secrets.env", secrets)
    node.write("run/testbed/secrets.sha256", "1\n")
    node.write("run/testbed/wish", "master\n")
    node.write("standby", "")
    node.write("var/lib/postgresql/17/main/standby.signal", "")
    node.command("setpriv", 'while [ "$1" != --init-groups ]; do shift; done; shift; exec "$@"', recorded=False)
    node.command("timeout", 'shift; exec "$@"', recorded=False)
    node.command("psql", PSQL, recorded=False)
    node.command("ip", ADDRESSES)
    for name in ("arping", "resign", "pkill"):
        node.command(name)
    node.command("postgres", ': >"$ROOT/runs"', path="usr/lib/testbed")
    for name in ("pg_rewind", "pg_basebackup"):
        node.command(name, 'for each; do case $each in --pgdata=*) mkdir -p "${each#*=}" ;; esac; done',
                     path="usr/lib/postgresql/17/bin")  # fmt: skip
    return node


def run(node: Node, program: str) -> int:
    return node.run(f"usr/lib/testbed/{program}", **VARIABLES)


def events(node: Node) -> list[str]:
    return [each.partition(" up=")[0] for each in node.events]


def programs(node: Node) -> list[str]:
    return [call.split()[0] for call in node.calls]


def must_start_postgres(node: Node) -> None:
    """It starts in the background."""
    wait_until(lambda: "postgres" in programs(node), 10.0, "PostgreSQL to be started", interval=0.02)


def test_a_promotion_ends_the_recovery_and_takes_the_address(node: Node) -> None:
    assert run(node, "promote") == 0
    assert events(node) == ["address-claimed"]
    assert not (node.root / "standby").exists()
    node.command("psql", 'case "$*" in *pg_promote*) echo f ;; *in_recovery*) echo t ;; *1*) echo 1 ;; esac')
    (node.root / "address").unlink()
    assert run(node, "promote") == 1
    assert events(node)[1:] == ["promote-failed step=promotion"]
    assert not (node.root / "address").exists()
    assert node.read("sql").splitlines() == [
        "alter role horde password 'abc';", "alter role probe password 'def';", "alter role replicator password 'ghi';",
    ]  # fmt: skip


def test_passwords_are_applied_once(node: Node) -> None:
    node.write("var/lib/postgresql/17/secrets.sha256", "1\n")
    assert run(node, "promote") == 0
    assert node.read("sql") == ""


def test_a_node_whose_server_does_not_start_gives_the_address_up(node: Node) -> None:
    node.command("postgres", path="usr/lib/testbed")
    assert run(node, "promote") == 1
    assert events(node) == ["promote-failed step=postgres"]
    assert "resign" in programs(node)


def test_a_node_with_an_incomplete_copy_takes_nothing_over(node: Node) -> None:
    node.write("var/lib/postgresql/unsound", "")
    assert run(node, "promote") == 1
    assert events(node) == ["promote-failed step=data"]
    assert not (node.root / "address").exists()


def test_a_demotion_releases_the_address_and_leaves_a_standby_alone(node: Node) -> None:
    node.write("run/testbed/wish", "backup\n")
    node.write("address", "")
    assert run(node, "demote") == 0
    assert events(node) == ["address-released"]
    assert "pkill" not in programs(node)


def test_a_primary_that_is_demoted_will_follow(node: Node) -> None:
    node.write("run/testbed/wish", "backup\n")
    (node.root / "var/lib/postgresql/17/main/standby.signal").unlink()
    assert run(node, "demote") == 0
    assert (node.root / "var/lib/postgresql/17/main/standby.signal").exists()
    assert (node.root / "run/testbed/was-primary").exists()
    assert "host=198.18.2.22 user=replicator" in node.read("run/testbed/replication.conf")


def test_an_old_primary_discards_what_its_peer_has_not(node: Node) -> None:
    node.write("run/testbed/wish", "backup\n")
    node.write("run/testbed/was-primary", "")
    node.write("peer", "f\n")
    assert run(node, "follow") == 0
    assert events(node) == ["rejoined how=rewind"]
    must_start_postgres(node)
    assert programs(node) == ["pg_rewind", "pg_rewind", "postgres"]
    assert "--dry-run" in node.calls[0]
    assert not (node.root / "var/lib/postgresql/unsound").exists()


def test_a_node_that_cannot_be_rewound_gets_a_copy(node: Node) -> None:
    node.write("run/testbed/wish", "backup\n")
    node.write("run/testbed/was-primary", "")
    node.write("peer", "f\n")
    node.command("pg_rewind", "exit 1", path="usr/lib/postgresql/17/bin")
    assert run(node, "follow") == 0
    assert events(node) == ["rejoined how=copy"]
    assert (node.root / "var/lib/postgresql/17/main/standby.signal").exists()


def test_an_interrupted_rewind_leaves_a_mark_and_the_next_attempt_copies(node: Node) -> None:
    node.write("run/testbed/wish", "backup\n")
    node.write("run/testbed/was-primary", "")
    node.write("peer", "f\n")
    node.command("pg_rewind", 'case "$*" in *dry-run*) exit 0 ;; esac; exit 1', path="usr/lib/postgresql/17/bin")
    node.command("pg_basebackup", "exit 1", path="usr/lib/postgresql/17/bin")
    assert run(node, "follow") == 0
    assert (node.root / "var/lib/postgresql/unsound").exists()
    assert "postgres" not in programs(node)
    node.command("pg_basebackup", 'for each; do case $each in --pgdata=*) mkdir -p "${each#*=}" ;; esac; done',
                 path="usr/lib/postgresql/17/bin")  # fmt: skip
    assert run(node, "follow") == 0
    assert events(node) == ["rejoined how=copy"]
    must_start_postgres(node)


def test_a_standby_waits_with_its_own_data_while_there_is_no_primary(node: Node) -> None:
    node.write("run/testbed/wish", "backup\n")
    node.write("run/testbed/was-primary", "")
    assert run(node, "follow") == 0
    must_start_postgres(node)
    assert programs(node) == ["postgres"]


def test_a_standby_that_does_not_follow_is_rewound_after_some_attempts(node: Node) -> None:
    node.write("run/testbed/wish", "backup\n")
    node.write("peer", "f\n")
    for _ in range(5):
        assert run(node, "follow") == 0
    assert "pg_rewind" not in programs(node)
    assert run(node, "follow") == 0
    assert "pg_rewind" in programs(node)
