"""The cluster's tests use the commands of a balancer's platform, and those commands work."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from fakes import topology

from platforms import PLATFORMS, platform_of
from testbed.machines import ExecResult, Machine
from visiting import stays, visitors, visits

TESTS = Path(__file__).parents[1]
# What only Debian's balancers have: written in a test, it would fail on the others.
DEBIANS = re.compile(r"\bsv (?:\d|restart|status)|balancer-answers|\"ip\", \"-4\"|curl [^\"]*127\.0\.0\.1")
# In place of curl and nc: the answer of two nodes in turn, or of the one that the cookie names.
SERVER = r"""
request="$*"
[ "$0" != "${0%nc}" ] && request="$request $(cat)"
echo "$request" >>"$ROOT/requests"
read -r turn <"$ROOT/turn"
echo "$((3 - turn))" >"$ROOT/turn"
named=$(echo "$request" | sed -n 's/.*ROUTEID=\.app-\([0-9]\).*/\1/p')
printf 'HTTP/1.1 200 OK\r\nX-App-Node: app-%s\r\n' "${named:-$turn}"
[ -n "$named" ] || printf 'Set-Cookie: ROUTEID=.app-%s; Path=/\r\n' "$turn"
printf '\r\n'
[ "$0" = "${0%nc}" ] || echo alive
"""


class Balancer:
    """A balancer whose commands run here, with programs that stand in for its own.

    Args:
        root: an empty folder.
        platform: its operating system.
    """

    name = "lb1"

    def __init__(self, root: Path, platform: str) -> None:
        self.node = topology(platform=platform).nodes["lb1"]
        self.root = root
        for program in ("curl", "nc"):
            (root / program).write_text(f"#!/bin/sh{SERVER}")
            (root / program).chmod(0o755)
        (root / "turn").write_text("1\n")
        (root / "platform").write_text("SITE_NAME=webmail.testbed.test\n")

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command."""
        arguments = [word.replace("/usr/local/libexec/testbed/platform", f"{self.root}/platform") for word in command]
        path = f"{self.root}:{os.environ['PATH']}"
        environment = {"PATH": path, "ROOT": str(self.root)}
        if self.node.keys.platform == "debian":  # a container's environment; a guest has it in a file
            environment["SITE_NAME"] = "webmail.testbed.test"
        done = subprocess.run(
            arguments, capture_output=True, text=True, check=False, timeout=timeout, env=environment, cwd=self.root
        )
        return ExecResult(done.returncode, done.stdout, done.stderr)


@pytest.fixture(params=sorted(PLATFORMS))
def balancer(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return cast("Machine", Balancer(tmp_path, request.param))


def test_each_balancer_gets_the_commands_of_its_platform(balancer: Machine) -> None:
    assert platform_of(balancer) is PLATFORMS[balancer.node.keys.platform]
    assert balancer.node.keys.platform in ("debian", "openbsd")


def test_new_visitors_go_to_the_nodes_in_turn_and_returning_ones_follow_their_cookie(balancer: Machine) -> None:
    assert visitors(balancer, 5) == {"app-1": 3, "app-2": 2}
    assert stays(balancer, "app-2") == "app-2"
    requests = (cast("Balancer", balancer).root / "requests").read_text()
    assert requests.count("ROUTEID=.app-2") == 1
    assert [each.routes for each in visits(balancer, 1, "app-1")] == [()]


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_the_shell_can_read_every_word(platform: str) -> None:
    commands = PLATFORMS[platform]
    scripts = [commands.default_route, commands.reload, commands.restart, commands.answers]
    scripts += [commands.page.format(path="/balancer-manager"), commands.visits.format(count=2, cookie="A=.b")]
    for script in scripts:
        subprocess.run(["sh", "-n", "-c", script], check=True)
    if platform == "openbsd":
        assert not re.search(r"\b(?:ip|curl|sv|ss|seq)\b ", " ".join(scripts))


@pytest.mark.parametrize(
    "path", sorted((*TESTS.glob("cluster/*.py"), TESTS / "visiting.py")), ids=lambda path: path.name
)
def test_no_test_of_the_cluster_has_debians_commands_for_a_balancer(path: Path) -> None:
    assert not DEBIANS.findall(path.read_text())
