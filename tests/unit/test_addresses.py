"""What the mechanisms that move addresses read from the output of a node."""

from __future__ import annotations

import subprocess

import pytest

from testbed.addresses.address_registry import MECHANISMS, PROGRAMS, RESTART, holds_address, partakes

COMM = "grep -xE ucarp|keepalived /proc/81/comm"
CARP0 = "carp0: flags=8843\n\tcarp: {} carpdev vio0 vhid 1 advbase 1 advskew 0\n\tinet 198.18.0.10 netmask 0xffffff00\n"


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({COMM: "ucarp\n"}, True),
        ({COMM: "keepalived\n"}, True),
        ({COMM: "grep: /proc//comm: No such file or directory\n"}, False),
        ({"pgrep -x ucarp": "81\n"}, True),
        ({"pgrep -x ucarp": ""}, False),
        ({"sv status": "run: /etc/service/ucarp: (pid 81) 5s\n"}, True),
        ({"sv status": "down: /etc/service/ucarp: 5s\nrun: /etc/service/apache: (pid 9) 5s\n"}, False),
        ({"sv status": "run: /etc/service/keepalived: (pid 81) 5s\n", "cat /run/failover/state": "BACKUP\n"}, True),
        ({"sv status": "run: /etc/service/keepalived: (pid 81) 5s\n", "cat /run/failover/state": "FAULT\n"}, False),
        ({"sv status": "down: /etc/service/keepalived: 5s\n", "cat /run/failover/state": "MASTER\n"}, False),
        ({"ifconfig carp0": CARP0.format("BACKUP")}, True),
        ({"ifconfig carp0": CARP0.format("INIT")}, False),
        ({}, False),
    ],
)
def test_a_node_takes_part_in_the_election(sections: dict[str, str], expected: bool) -> None:
    assert partakes(sections) is expected


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"ip -o -4 addr": "2: eth0    inet 198.18.0.10/24 scope global eth0\n"}, True),
        ({"ip -o -4 addr": "2: eth0    inet 198.18.0.100/24 scope global eth0\n"}, False),
        ({"ifconfig carp0": CARP0.format("MASTER")}, True),
        ({"ifconfig carp0": CARP0.format("BACKUP")}, False),
    ],
)
def test_a_node_holds_an_address(sections: dict[str, str], expected: bool) -> None:
    assert holds_address("198.18.0.10", sections) is expected


def test_each_mechanism_with_a_program_can_be_restarted() -> None:
    assert [each.program for each in MECHANISMS if each.restart] == list(PROGRAMS)
    assert all(f"pkill -x {program}" in RESTART for program in PROGRAMS)


def test_a_restart_succeeds_where_nothing_runs() -> None:
    script = f"pkill() {{ return 1; }}\nset -u\n{RESTART}"
    assert subprocess.run(["sh", "-c", script], check=False, timeout=10).returncode == 0
