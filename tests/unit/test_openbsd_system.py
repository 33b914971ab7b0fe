"""The commands for an OpenBSD guest, and the meaning of its answers.

The samples were not recorded on OpenBSD. They follow the manual pages and sources that
machines/openbsd_system.py names.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fakes import FakeMachine, fleet, topology

from testbed import faults
from testbed.errors import UsageError
from testbed.faults import Ledger, heal_all, inject
from testbed.journal import Leftover
from testbed.machines import ExecResult
from testbed.machines.node_process import Process
from testbed.machines.openbsd_system import OpenBSD
from testbed.recorder.leftover_survey import DiskSpace, parse_survey

SYSTEM = OpenBSD()
PROCESSES = """\
    1     0 Is      0:01.02 init
33124     1 Is      0:00.05 sshd
61923 40011 S       0:00.41 httpd2
 7011 61923 I       0:12.07 httpd2
 7012 61923 T+    101:02.30 httpd2
40011     1 S       0:03.00 perl
  nonsense
"""
INTERFACES = """\
lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 32768
\tindex 4 priority 0 llprio 3
\tgroups: lo
\tinet6 ::1 prefixlen 128
\tinet 127.0.0.1 netmask 0xff000000
vio0: flags=8b43<UP,BROADCAST,RUNNING,PROMISC,ALLMULTI,SIMPLEX,MULTICAST> mtu 1500
\tlladdr 02:42:c6:12:00:0b
\tindex 1 priority 0 llprio 3
\tmedia: Ethernet autoselect
\tstatus: active
\tinet 198.18.0.11 netmask 0xffffff00 broadcast 198.18.0.255
vio1: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tinet 198.18.1.11 netmask 0xffffff00 broadcast 198.18.1.255
carp0: flags=8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\tcarp: BACKUP carpdev vio0 vhid 1 advbase 1 advskew 0
\tinet 198.18.0.10 netmask 0xffffff00 broadcast 198.18.0.255
"""
SOCKETS = """\
Active Internet connections (including servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address        TCP-State
tcp          0      0  198.18.0.10.443        198.18.0.50.41872      ESTABLISHED
tcp          0      0  169.254.77.2.22        *.*                    LISTEN
tcp          0      0  127.0.0.1.8008         *.*                    LISTEN
tcp          0      0  *.80                   *.*                    LISTEN
Active Internet connections (including servers)
Proto   Recv-Q Send-Q  Local Address          Foreign Address        TCP-State
tcp6         0      0  *.443                  *.*                    LISTEN
tcp6         0      0  ::1.25                 *.*                    LISTEN
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


def lb1(ledger: Ledger) -> FakeMachine:
    return FakeMachine("lb1", ledger, {"ps -axo": PROCESSES}, platform="openbsd")


def test_processes_are_read_from_ps() -> None:
    processes = SYSTEM.processes(PROCESSES)
    assert len(processes) == 6
    assert processes[2] == Process(61923, "httpd2", "S", 40011, 41)
    assert processes[4] == Process(7012, "httpd2", "T", 61923, (101 * 60 + 2) * 100 + 30)


def test_an_interface_is_found_by_its_address() -> None:
    assert [SYSTEM.interface_of(f"198.18.{number}.11", INTERFACES) for number in (0, 1)] == ["vio0", "vio1"]
    assert SYSTEM.interface_of("198.18.0.1", INTERFACES) == ""


def test_ports_that_others_can_reach() -> None:
    assert SYSTEM.listening_ports(SOCKETS) == [22, 80, 443]


def test_what_it_found_when_it_looked_around() -> None:
    seen = list(parse_survey("lb1", "process 7012 (httpd2) is stopped\nfree 5120 /dev/sd0a /\n"))
    assert seen == [Leftover("process", "lb1", "7012 (httpd2) is stopped"), DiskSpace("lb1", "/", 5 << 20)]


def test_apache_is_stopped_and_goes_on(ledger: Ledger) -> None:
    victim = lb1(ledger)
    inject(fleet(victim, platform="openbsd"), ledger, "process-hang", "lb1", {"process": "apache"})
    heal_all(fleet(victim, platform="openbsd"), ledger)
    stop = "sh -c kill -STOP {} 2>/dev/null; true"
    deeds = [each for each in victim.done if "ps -axo" not in each]
    assert deeds == [
        stop.format("61923 7011 7012"),
        stop.format("61923 7011"),
        stop.replace("STOP", "CONT").format(7012),
    ]


def test_a_part_of_the_kernel_cannot_be_killed() -> None:
    design = topology(platform="openbsd")
    with pytest.raises(UsageError, match="process-kill is impossible on lb1: its CARP is part of the kernel"):
        faults.check_fault("process-kill", "lb1", {"process": "ucarp"}, design)
    faults.check_fault("process-kill", "db1", {"process": "ucarp"}, design)


def test_the_network_goes_down_and_comes_up_with_openbsd_commands(ledger: Ledger) -> None:
    victim = lb1(ledger)
    inject(fleet(victim, platform="openbsd"), ledger, "network-down", "lb1")
    heal_all(fleet(victim, platform="openbsd"), ledger)
    assert victim.done == [
        "sh -c ifconfig eth0 down && ifconfig eth1 down",
        "sh -c ifconfig eth1 up && ifconfig eth0 up",
    ]


def test_the_clock_jumps_to_a_whole_second(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_795_000_000.4)
    victim = lb1(ledger)
    inject(fleet(victim, platform="openbsd"), ledger, "clock-jump", "lb1", {"by": "+90s"})
    assert victim.done == ["sh -c date -u 202611181108.10"]


def test_a_delay_is_the_containers(ledger: Ledger) -> None:
    victim = lb1(ledger)
    inject(fleet(victim, platform="openbsd"), ledger, "delay", "lb1", {"delay": "100ms", "network": "public"})
    assert victim.done == ["own public: qdisc add dev DEV root netem delay 100ms limit 20000"]


def test_no_tool_of_linux_is_asked_for(ledger: Ledger) -> None:
    victim = lb1(ledger)
    victim.answers["ps -axo"] = ExecResult(0, PROCESSES, "")
    scripts = [SYSTEM.list_listeners(), SYSTEM.list_interfaces(), SYSTEM.list_processes(""), SYSTEM.list_leftovers()]
    assert not any(word in script for script in scripts for word in ("/proc", "ip -", "ss -"))
