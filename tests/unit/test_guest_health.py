"""`health` of the database guest: when a silent PostgreSQL makes its node resign, and when it does not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_programs import Node

from testbed.wait import wait_until

GUEST = Path(__file__).parents[2] / "images/guest/files/usr/lib/testbed"
BOTH_WHOLE = " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n"
ALONE = " 0: cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown C r-----\n"
SUSPENDED = " 0: cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown C s-----\n"
DISKLESS = " 0: cs:Connected ro:Primary/Secondary ds:Diskless/UpToDate C r-----\n"
DISKLESS_ALONE = " 0: cs:WFConnection ro:Primary/Unknown ds:Diskless/DUnknown C s-----\n"
ANSWERS = "while read -r _; do echo 1; done"
HANGS = "exec /bin/sleep 60"
# What the script sleeps while it looks several times.
LOOKS = 6


@pytest.fixture
def guest(tmp_path: Path) -> Node:
    """A guest that serves: two seconds of silence mean that PostgreSQL hangs."""
    node = Node(tmp_path, usr_lib_testbed=GUEST)
    node.write("run/testbed/node.env", "NODE=db1\nHEALTH_SECONDS=2\nNEIGHBOURS=\n")
    node.write("run/testbed/secrets.env", "ARBITER_SECRET=secret\n")
    node.write("run/testbed/wish", "master\n")
    node.write("proc/drbd", BOTH_WHOLE)
    node.command("resign", 'echo backup >"$ROOT/run/testbed/wish"')
    node.command("setpriv", ANSWERS)
    node.command("ps", recorded=False)
    return node


@pytest.fixture
def watch(guest: Node) -> Iterator[subprocess.Popen[str]]:
    """The check, at work until the test ends."""
    process = guest.start("usr/lib/testbed/health")
    yield process
    if process.poll() is None:
        os.killpg(process.pid, 9)
    process.communicate()


def looked(node: Node, times: int) -> None:
    """Wait until the check has slept so many seconds of the node's time."""
    begin = 1000.0
    wait_until(lambda: float(node.read("proc/uptime").split()[0] or 0) >= begin + times, 30, "the check to look")


def test_a_server_that_hangs_makes_its_node_resign(guest: Node) -> None:
    guest.command("setpriv", HANGS)
    assert guest.run("usr/lib/testbed/health") == 0
    assert guest.events == ["resigned reason=postgres-hung"]
    assert (guest.root / "run/testbed/hung").exists()
    assert guest.calls[-1].split() == ["resign"]


def test_a_server_that_answers_stays(guest: Node, watch: subprocess.Popen[str]) -> None:
    looked(guest, LOOKS)
    assert (watch.poll(), guest.events) == (None, [])


def test_callers_are_refused_while_no_good_copy_is_in_reach(guest: Node) -> None:
    """Each would leave a process that waits for DRBD, until the machine has no memory left."""
    guest.command("nft")
    process = guest.start("usr/lib/testbed/health", OPEN_WHEN_READY="on")
    try:
        looked(guest, LOOKS)
        assert [call for call in guest.calls if call.startswith("nft")] == []
        guest.write("proc/drbd", DISKLESS_ALONE)
        wait_until(lambda: "no-data-in-reach" in guest.events, 30, "the check to refuse callers")
        assert [call for call in guest.calls if call.startswith("nft")] == ["nft -f -"]
        guest.write("proc/drbd", DISKLESS)
        wait_until(lambda: "port-opened" in guest.events, 30, "the check to admit callers")
        assert guest.calls[-1] == "nft delete table ip door"
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


@pytest.mark.parametrize(
    ("name", "drbd", "ps"),
    [
        ("no other node can replace it", ALONE, ""),
        ("DRBD holds writes back", SUSPENDED, ""),
        ("it waits for the disk", BOTH_WHOLE, "echo D"),
        ("it waits for the processor", BOTH_WHOLE, "echo R"),
    ],
)
def test_a_server_that_is_silent_for_a_reason_stays(guest: Node, name: str, drbd: str, ps: str) -> None:
    guest.command("setpriv", HANGS)
    guest.command("ps", ps, recorded=False)
    guest.write("proc/drbd", drbd)
    process = guest.start("usr/lib/testbed/health")
    try:
        looked(guest, LOOKS)
        assert (process.poll(), guest.events) == (None, []), name
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def test_the_check_ends_where_the_node_serves_no_longer(guest: Node, watch: subprocess.Popen[str]) -> None:
    looked(guest, 2)
    guest.write("run/testbed/wish", "backup\n")
    assert watch.wait(15) == 0
    assert guest.events == []


@pytest.mark.parametrize("connection", ["Connected", "VerifyS"], ids=["connected", "compared"])
def test_the_node_reports_to_the_arbiter_when_both_copies_are_complete(guest: Node, connection: str) -> None:
    guest.write("proc/drbd", BOTH_WHOLE.replace("Connected", connection))
    guest.write("run/testbed/granted", "7\n")
    answer = '[ "$line" ] && echo granted 8 || echo alone=db1 generation=7'
    guest.command("busybox", f'read -r line; echo "$line" >>"$ROOT/asked"; {answer}')
    process = guest.start("usr/lib/testbed/health", ARBITER_ADDRESS="198.18.3.50")
    try:
        wait_until(lambda: not (guest.root / "run/testbed/granted").exists(), 30, "the grant to be given back")
        assert guest.read("asked").splitlines()[-1] == "secret whole db1 7"
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def test_the_node_reports_nothing_to_the_arbiter_while_a_copy_is_missing(guest: Node) -> None:
    guest.write("run/testbed/granted", "7\n")
    guest.write("proc/drbd", ALONE)
    guest.command("busybox", 'read -r line; echo "$line" >>"$ROOT/asked"; echo alone=db1 generation=7')
    process = guest.start("usr/lib/testbed/health", ARBITER_ADDRESS="198.18.3.50")
    try:
        looked(guest, LOOKS)
        assert set(guest.read("asked").splitlines()) <= {""}
        assert guest.read("run/testbed/granted") == "7"
    finally:
        os.killpg(process.pid, 9)
        process.communicate()
