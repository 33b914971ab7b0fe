"""An OpenBSD node's own scripts, run by a Korn shell in a root of their own, from the drive that the launcher writes.

As in test_install_site.py: mksh comes from the same pdksh as OpenBSD's ksh, busybox has the common tools, and in place
of OpenBSD's own programs stand some that write down how they were called. What those do is not proved here.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_install_site import tools as tools  # noqa: PLC0414 - a fixture

from testbed import settings as configuration
from testbed import topology
from testbed.balancers.apache import apache_openbsd as apache
from testbed.cluster.shape import Shape
from testbed.openbsd.node import guest_files, ssh

ROOT = Path(__file__).parents[2]
SITE = ROOT / "images/openbsd/site"
BUSYBOX = "cmp awk cat dd find grep mkdir rm sed sh sleep tail tar touch tr true xargs chmod printf env"
RECORDED = (
    "bin/hostname", "sbin/sysctl", "sbin/pfctl", "sbin/ifconfig", "usr/bin/pkill", "usr/bin/nc", "usr/bin/pgrep",
    "etc/netstart", "etc/rc.d/sshd", "etc/rc.d/syslogd",
    "usr/local/bin/pool-discovery", "usr/local/bin/pool-member",
    "usr/local/sbin/httpd2", "usr/local/bin/balancer-manager", "usr/local/libexec/testbed/supervisor",
)  # fmt: skip
RECORDER = """#!/bin/sh
echo "${0##*/}${1:+ $*}" >>/calls
[ ! -e "/answers/${0##*/}" ] || cat "/answers/${0##*/}"
"""
PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin"


class Node:
    """A root that a node's scripts run in.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, name: str, text: str, mode: int = 0o644) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        whole = ["chroot", str(self.path), "/bin/env", "-i", f"PATH={PATH}", *command]
        return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=20)

    @property
    def calls(self) -> list[str]:
        return (self.path / "calls").read_text().splitlines() if (self.path / "calls").exists() else []


@pytest.fixture
def node(tmp_path: Path, tools: None) -> Node:  # noqa: ARG001
    made = Node(tmp_path / "root")
    shutil.copytree(SITE, made.path)
    for folder in ("bin", "dev", "var/run", "tmp"):
        (made.path / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/busybox", made.path / "bin" / "busybox")
    for name in BUSYBOX.split():
        (made.path / "bin" / name).symlink_to("busybox")
    (made.path / "bin" / "sh").unlink()
    shutil.copy("/bin/mksh-static", made.path / "bin" / "sh")
    for name in RECORDED:
        made.put(name, RECORDER, 0o755)
    made.put("dev/null", "")
    return made


@pytest.fixture
def drive(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """The node with its drive: D's files of the shipped cluster's lb1, written by the launcher's own code."""
    settings = configuration.load({}, ROOT)
    design = topology.load(Shape(("openbsd",)).files(settings), settings.compose_environment("tcg"))
    key = ssh.KeyPair.generate()
    secrets = guest_files.NodeSecrets("secret", b"certificate", b"key", b"authority", key, key)
    for name, file in guest_files.files(design, "lb1", secrets, ROOT / "images/lb").items():
        target = tmp_path / "guest" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(file.mode)
    monkeypatch.syspath_prepend(str(ROOT / "images/vm"))
    disks = importlib.import_module("launcher.disks")
    try:
        monkeypatch.setattr(disks, "CONFIGURATION", node.path / "dev/rsd1c")
        monkeypatch.setattr(disks, "SECRETS", tmp_path / "none")
        monkeypatch.setattr(disks, "FILES", tmp_path / "guest")
        disks.configuration({**design.nodes["lb1"].environment, "PATH": "/nowhere", "ODD": "it's"}, [])
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "launcher"]:
            del sys.modules[name]
    return node


def test_without_a_drive_nothing_happens(node: Node) -> None:
    result = node.run("sh", "/etc/rc.local")
    assert (result.returncode, result.stdout, result.stderr, node.calls) == (0, "", "", [])


def test_a_node_is_made_of_its_drive(drive: Node) -> None:
    (drive.path / "etc").chmod(0o755)
    result = drive.run("sh", "/etc/rc.local")
    assert (result.stdout, result.stderr) == ("testbed: configuring the node\ntestbed: the node runs\n", "")
    # The log names this node from now on.
    assert drive.calls[:3] == ["hostname", "hostname lb1", "syslogd -f restart"]
    network = drive.calls.index("netstart vio0 vio1 vio2 carp0")
    assert drive.calls[3:network] == [
        "sysctl -q net.inet.carp.preempt=0",
        "sysctl -q net.inet.ip.forwarding=0",
        "sysctl -q net.inet6.ip6.forwarding=0",
        "sysctl -q kern.somaxconn=1024",
    ]
    assert drive.calls[network + 1 : network + 4] == [
        "pfctl -q -f /etc/pf.conf",
        "sshd -f restart",
        "pool-discovery once",
    ]
    [supervisor] = [call for call in drive.calls if call.startswith("supervisor")]
    port, *programs = supervisor.split()[1:]
    assert port == "/dev/cua01"
    assert all((drive.path / program.lstrip("/")).stat().st_mode & 0o100 for program in programs[:3])
    assert {Path(program).name for program in programs[3:]} == {"pool-discovery", "member-watch"}
    # Modes are the files' own, folders keep theirs, and only root reads the folder of the unpacked drive.
    assert (drive.path / "etc/hostname.vio0").stat().st_mode & 0o777 == 0o640
    assert (drive.path / "etc").stat().st_mode & 0o777 == 0o755
    assert (drive.path / "var/run/testbed").stat().st_mode & 0o777 == 0o700
    assert (drive.path / str(apache.POOL_FOLDER).lstrip("/")).is_dir()


def test_the_hardened_profile_has_a_health_check(drive: Node) -> None:
    drive.run("sh", "/etc/rc.local")
    assert not [call for call in drive.calls if "balancer-health" in call]
    drive.run("PROFILE=hardened", "sh", "/etc/rc.local")
    [program] = [
        call.split()[-1] for call in drive.calls if call.startswith("supervisor") and "balancer-health" in call
    ]
    assert (drive.path / program.lstrip("/")).stat().st_mode & 0o100


def test_the_resolver_reads_its_configuration_at_first_sight(drive: Node) -> None:
    """OpenBSD's starts with time 0, and reads the file when its time differs: asr_check_reload in asr.c of its libc."""
    drive.run("sh", "/etc/rc.local")
    known = 0
    unpacked = drive.path / "etc/resolv.conf"
    assert int(unpacked.stat().st_mtime) != known
    assert "nameserver" in unpacked.read_text()


def test_a_boot_with_the_same_files_leaves_the_network_alone(drive: Node) -> None:
    """By then rc(8) has configured it from them, and carp0 would lose its address for seconds."""
    assert drive.run("sh", "/etc/rc.local").stderr == ""
    (drive.path / "calls").unlink()
    drive.put("answers/hostname", "lb1\n")
    assert drive.run("sh", "/etc/rc.local").stderr == ""
    assert not [call for call in drive.calls if call.startswith(("hostname ", "syslogd"))]
    assert not [call for call in drive.calls if call.startswith("netstart")]
    assert "pfctl -q -f /etc/pf.conf" in drive.calls
    drive.put("etc/hostname.carp0", "inet 192.0.2.1")
    assert drive.run("sh", "/etc/rc.local").stderr == ""
    assert "netstart carp0" in drive.calls


def test_programs_find_where_apaches_files_are(drive: Node) -> None:
    drive.run("sh", "/etc/rc.local")
    script = '. /usr/local/libexec/testbed/platform; echo "$NODE $POOL_FOLDER $APACHE_PID_FILE $ODD $PATH"'
    values = drive.run("sh", "-c", script).stdout.split()
    assert values[:4] == ["lb1", str(apache.POOL_FOLDER), str(apache.PID_FILE), "it's"]
    assert "/nowhere" not in values[4]


def test_apache_runs_in_the_foreground_and_alone(drive: Node) -> None:
    drive.run("sh", "/etc/rc.local")
    drive.put(str(apache.PID_FILE).lstrip("/"), "1")
    assert drive.run("/usr/local/libexec/testbed/apache").returncode == 0
    assert drive.calls[-2:] == [
        "pkill -KILL -x httpd2",
        "httpd2 -f /etc/apache2/httpd2.conf -D FOREGROUND",
    ]
    assert not (drive.path / str(apache.PID_FILE).lstrip("/")).exists()


def test_its_state_in_sections(node: Node) -> None:
    node.put("answers/ifconfig", "carp0: flags=8843\n\tcarp: BACKUP carpdev vio0 vhid 1 advbase 1 advskew 0\n")
    node.put("answers/pool-member", "webmail app-1 draining 1\n")
    node.put("answers/pgrep", "17\n")
    lines = node.run("node-state").stdout.splitlines()
    assert [line for line in lines if line.startswith("==")] == [
        "== ifconfig carp0",
        "== balancer-manager",
        "== pool-member show",
        "== pgrep -x httpd2",
    ]
    assert lines[lines.index("== pool-member show") + 1] == "webmail app-1 draining 1"
    assert lines[-1] == "17"


def test_who_is_no_master_has_nothing_to_resign(node: Node) -> None:
    node.put("answers/ifconfig", "\tcarp: BACKUP carpdev vio0 vhid 1\n")
    assert node.run("resign").returncode == 0
    assert node.calls == ["ifconfig carp0"]


def test_a_demotion_is_taken_back_whatever_comes_of_it(node: Node) -> None:
    node.put("answers/ifconfig", "\tcarp: MASTER carpdev vio0 vhid 1\n")
    result = node.run("resign")
    assert (result.returncode, result.stderr) == (1, "no balancer takes the address over\n")
    assert node.calls[1] == "ifconfig -g carp carpdemote 128"
    assert node.calls[-1] == "ifconfig -g carp -carpdemote 128"


def test_a_member_is_forgotten_where_pool_discovery_looks(drive: Node) -> None:
    """By a command that comes from the host, without the node's variables."""
    drive.run("sh", "/etc/rc.local")
    shutil.copy(ROOT / "images/lb/bin/forget-member", drive.path / "usr/local/bin/forget-member")
    result = drive.run("forget-member", "app-3")
    assert (result.returncode, result.stderr) == (0, "")
    assert (drive.path / str(apache.POOL_FOLDER).lstrip("/") / "dismissed").read_text() == "app-3\n"
    for program in ("pool-discovery", "pool-decisions"):
        default = re.search(r"POOL_FOLDER\} *\|\| '([^']+)'", (ROOT / "images/lb/bin" / program).read_text())
        assert default
        assert default[1] == str(apache.POOL_FOLDER)


def test_a_member_is_tried_by_its_route(drive: Node) -> None:
    drive.run("sh", "/etc/rc.local")
    drive.put("answers/nc", "HTTP/1.1 200 OK\n")
    assert drive.run("try-member", "app-2").returncode == 0
    assert drive.calls[-1] == "nc -c -e webmail.testbed.test -R /etc/testbed/ca.crt -w 10 127.0.0.1 443"
    drive.put("answers/nc", "")
    assert drive.run("try-member", "app-2").returncode != 0
    assert drive.run("try-member", "app-2", "nowhere").returncode == 2


# Answers of two nodes in turn, and what each request was.
IN_TURN = """#!/bin/sh
cat >>/requests
read -r turn </turn
echo "$((3 - turn))" >/turn
printf 'HTTP/1.1 200 OK\\r\\nx-app-node: app-%s\\r\\n\\r\\nalive' "$turn"
"""


@pytest.mark.parametrize(("member", "status", "asked"), [("app-1", 0, 1), ("app-2", 0, 2), ("app-3", 1, 10)])
def test_a_member_without_a_cookie_is_tried_until_its_turn_comes(
    drive: Node, member: str, status: int, asked: int
) -> None:
    """Sessions in the database have no cookie: any node may answer, and only its own answer will do."""
    drive.run("sh", "/etc/rc.local")
    drive.put("etc/testbed/pools", "webmail 8081 - app-1,app-2\n")
    drive.put("turn", "1\n")
    drive.put("usr/bin/nc", IN_TURN, 0o755)
    assert drive.run("try-member", member).returncode == status
    requests = (drive.path / "requests").read_text()
    assert requests.count("GET /alive/webmail HTTP/1.0\n") == asked
    assert "Cookie" not in requests


def test_the_cookie_names_the_member(drive: Node) -> None:
    drive.run("sh", "/etc/rc.local")
    drive.put("turn", "1\n")
    drive.put("usr/bin/nc", IN_TURN, 0o755)
    assert drive.run("try-member", "app-2").returncode == 0
    head = "GET /alive/webmail HTTP/1.0\r\nHost: webmail.testbed.test\r\n"
    assert (drive.path / "requests").read_bytes() == f"{head}Cookie: ROUTEID=.app-2\r\n\r\n".encode()


@pytest.mark.parametrize(("state", "names"), [("MASTER", ("master", "claimed")), ("INIT", ("backup", "released"))])
def test_carps_state_is_reported_from_the_beginning(state: str, names: tuple[str, str], tmp_path: Path) -> None:
    """This host's Perl, and in place of ifconfig(8) one that says what OpenBSD's would."""
    (tmp_path / "ifconfig").write_text(f"#!/bin/sh\nprintf '\\tcarp: {state} carpdev vio0 vhid 1 advbase 1\\n'\n")
    (tmp_path / "ifconfig").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SITE_ADDRESS": "198.18.0.10"}
    program = SITE / "usr/local/libexec/testbed/carp-watch"
    # It opens a raw socket: root's right, or that of the root of a namespace.
    as_root = [] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    with subprocess.Popen([*as_root, "perl", program], env=environment, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout
        events = [watch.stdout.readline().split() for _ in range(2)]
        watch.kill()
    assert [line[0] for line in events] == [f"event=carp-{names[0]}", f"event=address-{names[1]}"]
    assert events[1][1:3] == ["address=198.18.0.10", "interface=carp0"]
    assert events[0][-1] == events[1][-1]
    assert events[0][-1].startswith("up=")
