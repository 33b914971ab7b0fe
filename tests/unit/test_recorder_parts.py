"""The recorder's small parts: places in logs, alarms, member states, consoles, ports, leftovers."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path

import pytest

from testbed.balancers.apache.apache_member import member_state
from testbed.designs.design_registry import DEFAULT
from testbed.journal import Leftover
from testbed.machines.linux import Linux
from testbed.probes.port_scan import main, ports, scan
from testbed.recorder import PATTERNS
from testbed.recorder.console_log import ConsoleLog
from testbed.recorder.leftover_survey import (
    DiskSpace,
    Survey,
    bridge_ports,
    leftover_qdiscs,
    new_leftovers,
    parse_survey,
)
from testbed.recorder.log_events import parse_log_line
from testbed.recorder.log_patterns import matching_pattern
from testbed.recorder.scan import format_ports
from testbed.topology import Role

SAMPLES = Path(__file__).parent / "samples" / "recorder"

ALARMING = {
    "kernel-panic": "[   61.1] Kernel panic - not syncing: Fatal exception",
    "kernel-oops": "[   61.1] BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "kernel-warning": "kernel: WARNING: CPU: 0 PID: 12 at kernel/workqueue.c:1 level=4 up=3.0",
    "segfault": "kernel: postgres[196]: segfault at 0 ip 000055d3 sp 00007ffd error 4 level=6 up=61.1",
    "core-dump": "/usr/bin/run: line 3: 12 Segmentation fault (core dumped) ucarp",
    "out-of-memory": "kernel: Out of memory: Killed process 196 (postgres) total-vm:1kB level=3 up=61.1",
    "guest-clock": "the guest's clock runs 26.2 times too fast",
    "filesystem-error": "kernel: EXT4-fs error (device drbd0): ext4_find_entry:1683: inode #2 level=2 up=61.1",
    "disk-error": "[  225.184499] I/O error, dev vdb, sector 670368 op 0x1:(WRITE) flags 0x0 phys_seg 1 prio class 0",
    "drbd-split-brain": "kernel: block drbd0: Split-Brain detected but unresolved, dropping connection! level=1 up=6.1",
    "drbd-corruption": "kernel: block drbd0: Out of sync: start=1024, size=8 (sectors) level=3 up=61.1",
    "postgres-panic": "postgres: 2026-11-24 14:58:00 UTC [1] PANIC:  could not locate a valid checkpoint record",
    "postgres-crash": "postgres: LOG:  server process (PID 215) was terminated by signal 11: Segmentation fault",
    "postgres-corruption": "postgres: ERROR:  invalid page in block 7 of relation base/16384/16390",
    "php-fatal": "PHP Fatal error:  Uncaught Error: Call to undefined function each() in /usr/share/horde/x.php:1",
    "apache-crash": "[core:notice] [pid 24:tid 24] AH00052: child pid 31 exit signal Aborted (6)",
    "python-traceback": "Traceback (most recent call last):",
    "mail-panic": "imap(user01): Panic: file mail-index.c: line 1 (mail_index): assertion failed: (0)",
    "carp-conflict": "[ERROR] Bad digest - md2=[00000000...] md=[00000000...] - Check vhid, password and virtual IP",
}


def test_every_pattern_has_a_line_that_it_alone_is_for() -> None:
    assert set(ALARMING) == set(PATTERNS)
    assert {name: matching_pattern(text) for name, text in ALARMING.items()} == {name: name for name in ALARMING}


def test_ordinary_days_and_failovers_raise_no_alarm() -> None:
    for path in SAMPLES.glob("*.log"):
        for line in path.read_text().splitlines():
            assert not matching_pattern(line), line


def test_names_of_patterns_can_be_names_of_groups() -> None:
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", name) for name in PATTERNS)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Init Ok ", "ok"), ("Init,Err", "error"), ("Init Dis Ok", "disabled"), ("Init Drn Ok", "draining"),
        ("Init Stop Ok", "stopped"), ("unknown", "unknown"), ("", "unknown"), ("gone", "gone"),
    ],
)  # fmt: skip
def test_states_of_members(status: str, state: str) -> None:
    assert member_state(status) == state


def test_an_address_is_the_role_that_holds_it() -> None:
    line = "event=address-claimed address=198.18.0.10 interface=eth1 up=1817.30"
    assert parse_log_line(Role.BALANCER, line, DEFAULT.recorded).changes == (("site-address", "held"),)
    assert parse_log_line(Role.DATABASE, "event=address-claimed up=7.521528", DEFAULT.recorded).changes == (
        ("database-address", "held"),
    )
    assert parse_log_line(Role.MAIL, line, DEFAULT.recorded).changes == ()


def test_lines_without_a_state() -> None:
    for line in ("event=booted node=db1 up=3.4", "event=pool-changed members=app-1:198.18.1.129", "event=", "hello"):
        assert parse_log_line(Role.BALANCER, line, DEFAULT.recorded).changes == ()


def test_a_database_node_comes_up_as_standby() -> None:
    states = dict(parse_log_line(Role.DATABASE, "event=booted node=db1 up=3.4", DEFAULT.recorded).changes)
    assert states == {"drbd-role": "Secondary", "mount": "none", "postgres": "stopped", "database-address": "none"}


def test_a_console_is_read_on_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_text("before\n")
    console = ConsoleLog(path)
    with path.open("a") as old:
        old.write("first\nha")
        old.flush()
        assert console.new() == ["first"]
        old.write("lf\nlast words\n")
    path.rename(tmp_path / "console.log.1")
    path.write_text("booting\n")
    assert console.new() == ["half", "last words", "booting"]
    console.close()


def test_a_console_that_is_not_there_yet(tmp_path: Path) -> None:
    console = ConsoleLog(tmp_path / "console.log")
    assert console.new() == []
    (tmp_path / "console.log").write_text("booting\n")
    assert console.new() == ["booting"]
    console.close()


def test_the_scan_finds_what_listens_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert scan([("127.0.0.1", range(port, port + 1)), ("127.0.0.2", [port])], wait=0.5) == {
            "127.0.0.1": [port],
            "127.0.0.2": [],
        }


def test_more_ports_than_may_be_tried_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        around = range(max(port - 40, 1), min(port + 40, 65535))
        assert port in scan([("127.0.0.1", around)], wait=0.5, at_once=7)["127.0.0.1"]


@pytest.mark.parametrize("text", ["", "http", "1-", "5-x", "-"])
def test_ports_that_are_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([f"127.0.0.1={text}"])
    assert exit_.value.code == 2
    assert "not a port" in capsys.readouterr().err


def test_runs_of_ports_are_shortened_and_read_back() -> None:
    numbers = [22, 25, *range(80, 91), 5432]
    assert format_ports(numbers) == "22,25,80-90,5432"
    assert ports(format_ports(numbers)) == numbers


def test_listening_ports_are_those_that_others_can_reach() -> None:
    sockets = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F48 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0B0012C6:01BB 320012C6:A5F2 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0B00007F:A1B2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A 00000000:00000000
"""
    assert Linux().listening_ports(sockets) == [80, 443]


def test_what_a_node_found_when_it_looked_around() -> None:
    output = "process 6335 (sh) is stopped\ncore /tmp/core.12\nfree 2048 /dev/vda1 /\nfree 4 /dev/drbd0 /srv/database\n"
    assert list(parse_survey("app-2", output)) == [
        Leftover("process", "app-2", "6335 (sh) is stopped"),
        Leftover("core", "app-2", "/tmp/core.12"),  # noqa: S108
        DiskSpace("app-2", "/", 2 << 20),
        DiskSpace("app-2", "/srv/database", 4 << 10, moves=True),
    ]


def test_linux_prints_the_free_space_of_its_own_disks(tmp_path: Path) -> None:
    df = tmp_path / "df"
    df.write_text(
        "#!/bin/sh\ncat <<END\nFilesystem 1024-blocks Used Available Capacity Mounted on\n"
        "overlay 1000000 960000 40000 96% /\n/dev/vda1 2000 1990 10 100% /\n"
        "/dev/drbd0 900 100 800 12% /srv/database\nEND\n"
    )
    df.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    script = ["sh", "-c", Linux().list_leftovers()]
    printed = subprocess.run(script, env={"PATH": path}, capture_output=True, text=True, check=True, timeout=30).stdout
    disks = [each for each in parse_survey("db1", printed) if isinstance(each, DiskSpace)]
    assert disks == [DiskSpace("db1", "/", 10 << 10), DiskSpace("db1", "/srv/database", 800 << 10, moves=True)]


GIB = 1 << 30


def survey(*found: Leftover, disks: tuple[DiskSpace, ...] = ()) -> Survey:
    return Survey(frozenset(found), disks)


def test_what_was_there_when_the_run_began_is_not_left_behind_by_it() -> None:
    exporter = Leftover("container", "host", "testbed-exporter-1 is not a node of the cluster")
    core, helper = Leftover("core", "app-1", "/core"), Leftover("container", "host", "happy_bohr is not a node")
    assert new_leftovers(survey(exporter, core), survey(exporter, core)) == []
    assert new_leftovers(survey(exporter, core), survey(exporter, helper)) == [helper]


@pytest.mark.parametrize(
    ("before", "after", "reported"),
    [
        (40 * GIB, 39.9 * GIB, False),  # 96 % of 1 TB are in use, 40 GiB are free
        (0.2 * GIB, 0.19 * GIB, False),  # little was free before: that was not the run
        (0, 0, False),
        (300 * GIB, 1 * GIB, True),
        (0.1 * GIB, 0, True),
    ],
)
def test_a_disk_is_judged_by_free_bytes_and_what_the_run_used(before: float, after: float, reported: bool) -> None:
    left = new_leftovers(
        survey(disks=(DiskSpace("host", "/", int(before)),)), survey(disks=(DiskSpace("host", "/", int(after)),))
    )
    assert [each.what for each in left] == (["disk"] if reported else [])


def test_the_replicated_volume_is_the_same_disk_on_either_node() -> None:
    was = (
        DiskSpace("db1", "/srv/database", 400 << 20, moves=True),
        DiskSpace("db1", "/", 500 << 20),
        DiskSpace("db2", "/", 100 << 20),
    )
    is_full = (
        DiskSpace("db2", "/srv/database", 1 << 20, moves=True),
        DiskSpace("db1", "/", 500 << 20),
        DiskSpace("db2", "/", 99 << 20),
    )
    [left] = new_leftovers(survey(disks=was), survey(disks=is_full))
    assert left == Leftover("disk", "db2", "the run used 399 MiB on /srv/database and left 1 MiB free")


def test_only_a_faults_queueing_discipline_is_left_over() -> None:
    listing = '[{"kind":"noqueue","dev":"lo"},{"kind":"netem","dev":"eth0"},{"kind":"fq_codel","dev":"eth1"}]'
    assert list(leftover_qdiscs("lb1", listing)) == [Leftover("network", "lb1", "netem on eth0")]


def test_a_limit_on_a_cable_of_another_cluster_is_not_counted() -> None:
    links = json.dumps([
        {"ifname": "veth1", "master": "br-own"}, {"ifname": "veth2", "master": "br-other"}, {"ifname": "eth0"},
    ])  # fmt: skip
    listing = json.dumps([{"kind": "tbf", "dev": name} for name in ("veth1", "veth2", "eth0")])
    assert list(leftover_qdiscs("host", listing, bridge_ports(links, {"br-own"}))) == [
        Leftover("network", "host", "tbf on veth1")
    ]
