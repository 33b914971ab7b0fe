"""What balancer-health sees: its looks at a real server and real neighbours, on a network of their own.

This host's Perl and kernel; in place of nc(1) of OpenBSD, which speaks TLS, one that says how it was called.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IMAGES = Path(__file__).parents[2] / "images"
MEMBER = "<httpd:worker><httpd:status>{}</httpd:status></httpd:worker>"
# A balancer's Apache as far as the check asks it: on 127.0.0.1:8008, well, silent, or not there.
SERVER = """
import http.server, os, subprocess, sys, time
state, members = sys.argv[1], sys.argv[2]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if state == "hung":
            time.sleep(30)
        body = (members if "manager" in self.path else "fine").encode()
        self.send_response(500 if state == "broken" else 200)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
import threading
if state != "dead":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 8008), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
done = subprocess.run(sys.argv[3:], capture_output=True, text=True)
sys.stdout.write(done.stdout)
sys.stderr.write(done.stderr)
sys.stdout.flush()
os._exit(done.returncode)
"""
LOOK = r"""
$0 = shift;
require $0;
my ($code) = @ARGV;
my %seen = eval $code;
die $@ if $@;
print join(' ', map { "$_=" . ($seen{$_} ? 1 : 0) } sort keys %seen), "\n";
"""


class Node:
    """Where the program runs.

    Args:
        root: an empty folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        source = IMAGES / "openbsd/site/usr/local/libexec/testbed/balancer-health"
        for path, file in (("bin", IMAGES / "lb/bin/balancer-manager"), ("libexec/testbed", source)):
            (root / path).mkdir(parents=True)
            shutil.copy(file, root / path)
        self.program = root / "libexec/testbed/balancer-health"
        self.program.write_text(self.program.read_text().replace("/etc/testbed/pools", f"{root}/pools"))
        (root / "pools").write_text("webmail 8081 ROUTEID app-1,app-2\nfiles 8083 - app-1\n")
        self.nc("exit 1")

    def nc(self, script: str) -> None:
        """What asks the other balancer."""
        (self.root / "bin/nc").write_text(
            f'#!/bin/sh\necho "nc $*" >>{self.root}/calls\nhead -1 >>{self.root}/calls\n{script}\n'
        )
        (self.root / "bin/nc").chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """What the other balancer was asked."""
        calls = self.root / "calls"
        return [line.strip() for line in calls.read_text().splitlines()] if calls.exists() else []

    def sees(self, code: str, apache: str = "well", members: str = "", neighbours: str = "") -> dict[str, bool]:
        """The result of some of the program's functions, as names and whether they are well."""
        server = [sys.executable, "-c", SERVER, apache, members, "perl", "-e", LOOK, str(self.program), code]
        as_root = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
        environment: dict[str, Any] = {
            "PATH": f"{self.root}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SITE_NAME": "webmail.testbed.test",
            "PUBLIC_ADDRESS": "127.0.0.11", "PEER_ADDRESS": "127.0.0.12", "NEIGHBOURS": neighbours,
        }  # fmt: skip
        done = subprocess.run(
            [*as_root, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *server], env=environment,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return {name: value == "1" for name, value in (pair.split("=") for pair in done.stdout.split())}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "node")


@pytest.mark.parametrize(("apache", "answers"), [("well", True), ("hung", False), ("broken", False), ("dead", False)])
def test_its_own_apache_answers_or_not(node: Node, apache: str, answers: bool) -> None:
    assert node.sees("(apache => apache_answers())", apache) == {"apache": answers}


@pytest.mark.parametrize(
    ("statuses", "left"),
    [
        (["Init Ok", "Init Err"], True),
        (["Init HcFl", "Init Err"], False),
        (["Init Dis", "Init Stop"], False),
        ([], False),
    ],
)
def test_a_node_is_left_or_none(node: Node, statuses: list[str], left: bool) -> None:
    members = "".join(MEMBER.format(each) for each in statuses)
    assert node.sees("(nodes => node_is_left())", members=members) == {"nodes": left}


def test_neighbours_are_those_that_answer_an_echo(node: Node) -> None:
    found = node.sees("echoes('127.0.0.2', '127.0.0.3', '192.0.2.1')")
    assert found == {"127.0.0.2": True, "127.0.0.3": True}


def test_the_other_balancer_is_asked_by_its_own_address_for_the_sites_certificate(node: Node) -> None:
    node.nc("printf 'HTTP/1.1 204 No Content\\r\\n'")
    assert node.sees("(peer => peer_serves('/balancer-alive'))") == {"peer": True}
    assert node.calls == [
        "nc -c -e webmail.testbed.test -R /etc/testbed/ca.crt -s 127.0.0.11 -w 1 127.0.0.12 443",
        "GET /balancer-alive HTTP/1.0",
    ]
    node.nc("printf 'HTTP/1.1 503 Service Unavailable\\r\\n'")
    assert node.sees("(peer => peer_serves('/balancer-alive'))") == {"peer": False}


@pytest.mark.parametrize("peer", [True, False])
def test_what_is_bad_here_counts_where_the_other_balancer_serves(node: Node, peer: bool) -> None:
    node.nc(f"printf 'HTTP/1.1 {200 if peer else 503} X\\r\\n'")
    assert node.sees("begin(now() - 61); look()", "hung") == {"apache": not peer}
    members = MEMBER.format("Init Err")
    assert node.sees("begin(); look()", members=members) == {"apache": True, "nodes": not peer}
    if not peer:  # every pool of the other balancer is asked
        assert [call.split()[1] for call in node.calls if call.startswith("GET")][-2:] == [
            "/alive/webmail",
            "/alive/files",
        ]


def test_nothing_is_held_against_an_apache_that_has_not_answered_yet(node: Node) -> None:
    node.nc("printf 'HTTP/1.1 200 OK\\r\\n'")
    assert node.sees("begin(); look()", "dead") == {}
    # It has answered before, or has had its minute.
    assert node.sees("begin(now() - 61); look()", "dead") == {"apache": False}


def test_who_has_no_neighbour_but_itself_is_cut_off(node: Node) -> None:
    ours = "127.0.0.11 192.0.2.1"
    assert node.sees("begin(); look()", neighbours=ours, members=MEMBER.format("Init Ok")) == {
        "apache": True, "nodes": True, "neighbours": False, "peer": False,
    }  # fmt: skip
    both = "127.0.0.11 127.0.0.12"
    assert node.sees("begin(); look()", neighbours=both, members=MEMBER.format("Init Ok")) == {
        "apache": True, "nodes": True, "neighbours": True, "peer": True,
    }  # fmt: skip
