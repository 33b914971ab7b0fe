"""The programs of a node of the Patroni design: its reports, the hand-over, and the changes to Debian's template."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from node_programs import Node

from testbed.wait import wait_until

FILES = Path(__file__).parents[2] / "images/patroni/files"
VARIABLES = {
    "NODE": "db1", "PEER": "db2", "DATABASE_ADDRESS": "198.18.1.20", "BACKEND_ADDRESS": "198.18.1.21",
}  # fmt: skip
# The lines that the programs change, as Debian ships them (patroni 4.0.7-3).
TEMPLATE = """bootstrap:
  dcs:
    ttl: 30
    postgresql:
      parameters:
#        wal_level: hot_standby
      pg_hba:
      - host    all             all             127.0.0.1/32            md5
#      - host    all             all             @NETWORK@               md5
      - host    replication     all             127.0.0.1/32            md5
      - host    replication     all             @NETWORK@               md5
#  # passed the connection URL as parameter)
#  post_init: /usr/local/bin/setup_cluster.sh
restapi:
  connect_address: @HOSTIP@:@API_PORT@
postgresql:
  connect_address: @HOSTIP@:@PORT@
  authentication:
    replication:
      username: "replicator"
      password: "rep-pass"
    superuser:
      username: "postgres"
      password:
#    rewind:
#      username: "rewind"
#      password: "rewind-pass"

  parameters:
    logging_collector: 'on'
"""


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node whose commands are stand-ins."""
    node = Node(tmp_path, usr_lib_testbed=FILES / "usr/lib/testbed", usr_bin=FILES / "usr/bin")
    node.command("setpriv", 'while [ "$1" != --init-groups ]; do shift; done; shift; exec "$@"', recorded=False)
    node.command("timeout", 'shift; exec "$@"', recorded=False)
    node.command("stdbuf", 'shift; exec "$@"', recorded=False)
    return node


def events(node: Node) -> list[str]:
    return [each.partition(" up=")[0] for each in node.events]


@contextmanager
def watching(node: Node) -> Iterator[None]:
    """The program that reports states runs meanwhile."""
    process = node.start("usr/lib/testbed/watch", **VARIABLES)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def must_report(node: Node, expected: list[str]) -> None:
    def reported() -> bool:
        return set(expected) <= set(events(node))

    wait_until(reported, 15.0, f"{expected} and not {events(node)}", interval=0.05)


def test_the_log_and_the_kernel_show_a_promotion(node: Node) -> None:
    server = "database system is ready to accept"
    node.command(
        "tail",
        f"echo 'LOG:  {server} read-only connections'; sleep 1; echo 'LOG:  {server} connections'; sleep 1000",
        recorded=False,
    )
    node.command(
        "ip",
        "echo '2: eth0    inet 198.18.1.21/24 scope global eth0'; "
        "echo '2: eth0    inet 198.18.1.20/24 scope global secondary eth0'; sleep 1000",
        recorded=False,
    )
    node.command("psql", "echo streaming", recorded=False)
    node.command("sleep", "exec /bin/sleep 1", recorded=False)
    with watching(node):
        must_report(node, ["postgres-role role=standby", "postgres-role role=primary", "address-claimed"])
    reported = events(node)
    assert reported.index("postgres-role role=standby") < reported.index("postgres-role role=primary")
    assert reported.index("postgres-role role=primary") < reported.index("postgres-accepting")
    assert reported.count("address-claimed") == 1


def test_a_server_that_was_killed_and_an_address_that_is_gone_are_reported(node: Node) -> None:
    """No server runs on the data here, and its log has no line about that."""
    node.command("tail", "echo 'database system is ready to accept connections'; /bin/sleep 60", recorded=False)
    node.command(
        "ip", "echo 'Deleted 2: eth0    inet 198.18.1.20/24 scope global secondary eth0'; /bin/sleep 60", recorded=False
    )
    node.command("sleep", "exec /bin/sleep 1", recorded=False)
    with watching(node):
        must_report(node, ["postgres-accepting", "address-released", "postgres-stopped", "postgres-role role=none"])


@pytest.mark.parametrize(
    ("line", "event"),
    [
        ("INFO: promoted self to leader by acquiring session lock", ["leader-lock"]),
        ("INFO: demoting self because DCS is not accessible and I was a leader", ["demoted"]),
        ("INFO: doing crash recovery in a single user mode", ["crash-recovery"]),
        ("INFO: bootstrapped from leader 'db2'", ["copied-from-leader"]),
        ("INFO: no action. I am (db1), the leader with the lock", []),
    ],
)
def test_what_patroni_decides_is_an_event(node: Node, line: str, event: list[str]) -> None:
    node.write("log", f"2026-12-01 00:03:14,303 {line}\n")
    node.command("feed", '"$ROOT/usr/lib/testbed/patroni-log" <"$ROOT/log"', recorded=False)
    assert node.run("bin/feed", **VARIABLES) in (0, 1)  # that of the last `read`
    assert events(node) == event
    assert line in node.read("var/log/patroni.log")


def test_a_hand_over_names_the_leader_and_its_successor(node: Node) -> None:
    node.command("patronictl", "exit 1")
    assert node.run("usr/bin/resign", **VARIABLES) == 1
    [call] = node.calls
    assert call.endswith("switchover --leader db1 --candidate db2 --force")


def test_the_template_gets_what_debian_leaves_to_the_operator(node: Node) -> None:
    template = node.write("etc/patroni/config.yml.in", TEMPLATE)
    assert node.run("usr/lib/testbed/edit-template") == 0
    changed = set(template.read_text().splitlines()) - set(TEMPLATE.splitlines())
    assert {" ".join(line.split()) for line in changed} == {
        "- host all all @NETWORK@ md5", "- host all all @REPLICATION_NETWORK@ md5",
        "- host replication all @REPLICATION_NETWORK@ md5", "post_init: /usr/lib/testbed/post-init",
        "connect_address: @REPLICATION_ADDRESS@:@PORT@", 'password: "@REPLICATION_PASSWORD@"',
        "rewind:", 'username: "rewind"', 'password: "@REWIND_PASSWORD@"', "testbed.node: '@HOSTNAME@'",
    }  # fmt: skip
    assert "  connect_address: @HOSTIP@:@API_PORT@\n" in template.read_text()


def test_a_template_that_has_changed_fails_the_build(node: Node) -> None:
    node.write("etc/patroni/config.yml.in", TEMPLATE.replace("rep-pass", "another"))
    assert node.run("usr/lib/testbed/edit-template") == 1
