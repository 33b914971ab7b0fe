"""The announcement of an address is repeated where the profile asks for it, and by the owner alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from node_programs import Node

from testbed.wait import wait_until

IMAGES = Path(__file__).parents[2] / "images"
BALANCER = {
    "NODE": "lb1",
    "CARP_VHID": "1",
    "CARP_ADVSKEW": "0",
    "ADVERT_SECONDS": "0.3",
    "PUBLIC_ADDRESS": "192.0.2.11",
}
REFRESH = "vrrp_garp_master_refresh"


@pytest.mark.parametrize(
    ("seconds", "expected"), [({"ANNOUNCE_SECONDS": "2"}, "2"), ({}, None), ({"ANNOUNCE_SECONDS": ""}, None)]
)
def test_keepalived_repeats_the_sites_announcement(
    tmp_path: Path, seconds: dict[str, str], expected: str | None
) -> None:
    node = Node(tmp_path, usr_local_bin=IMAGES / "lb" / "bin")
    process = node.start("usr/local/bin/vrrp-configuration", "eth0", SITE_ADDRESS="192.0.2.10", **BALANCER, **seconds)
    written, _ = process.communicate(timeout=10)
    settings = dict(line.split(maxsplit=1) for line in written.splitlines() if line.strip().startswith("vrrp_"))
    assert process.returncode == 0
    assert settings.get(REFRESH) == expected
    assert settings.get(f"{REFRESH}_repeat") == (expected and "1")


@pytest.fixture
def guest(tmp_path: Path) -> Node:
    """A database node that serves."""
    node = Node(tmp_path, usr_lib_testbed=IMAGES / "guest" / "files" / "usr" / "lib" / "testbed")
    node.write("run/testbed/node.env", "NODE=db1\nHEALTH_SECONDS=6\nNEIGHBOURS=\nDATABASE_ADDRESS=192.0.2.20\n")
    node.write("run/testbed/secrets.env", "ARBITER_SECRET=secret\n")
    node.write("run/testbed/wish", "master\n")
    node.write("proc/drbd", " 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n")
    node.command("setpriv", "while read -r _; do echo 1; done", recorded=False)
    node.command("ps", recorded=False)
    node.command("nice", '"$3" "$4"', recorded=False)
    node.command("verify-copies", path="usr/lib/testbed")
    node.command("arping")
    return node


def watched(node: Node, seconds: int, **settings: str) -> tuple[list[str], float]:
    """What a serving machine called while at least so many seconds of its time passed, and how many passed."""
    process = node.start("usr/lib/testbed/health", **settings)
    try:
        wait_until(lambda: _uptime(node) >= 1000 + seconds, 60, "time to pass")
    finally:
        os.killpg(process.pid, 9)
        process.communicate()
    return [call for call in node.calls if call.startswith(("arping", "verify-copies"))], _uptime(node) - 1000


def _uptime(node: Node) -> float:
    return float((node.read("proc/uptime").split() or ["0"])[0])


def test_a_database_machine_repeats_the_announcement_while_it_serves(guest: Node) -> None:
    calls, seconds = watched(guest, 12, ANNOUNCE_SECONDS="3")
    assert set(calls) == {"arping -q -U -c 1 -I backend 192.0.2.20"}
    assert 2 <= len(calls) <= seconds / 3


def test_a_database_machine_compares_both_copies_once_in_so_many_seconds(guest: Node) -> None:
    calls, seconds = watched(guest, 14, VERIFY_SECONDS="5")
    assert set(calls) == {"verify-copies repair"}
    assert 1 <= len(calls) <= seconds / 5


def test_without_the_settings_a_node_does_neither(guest: Node) -> None:
    assert watched(guest, 8)[0] == []
