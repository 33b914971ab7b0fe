"""The health checks of the hardened balancers: what each of them takes for a reason to leave the election."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_programs import Node

BALANCER = Path(__file__).parents[2] / "images/lb/bin"
VARIABLES = {
    "PUBLIC_ADDRESS": "198.18.0.11", "PEER_ADDRESS": "198.18.0.12", "SITE_ADDRESS": "198.18.0.10",
    "NEIGHBOURS": "198.18.0.60 198.18.0.11 198.18.0.12",
}  # fmt: skip
MEMBER = "<httpd:worker><httpd:status>{}</httpd:status></httpd:worker>"


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A balancer with one pool, whose commands answer as each test says."""
    node = Node(tmp_path, usr_local_bin=BALANCER)
    node.write("etc/testbed/pools", "webmail 8081 ROUTEID app-1,app-2\nfiles 8083 - app-1\n")
    node.command("interface-of", "echo eth0", recorded=False)
    node.command("balancer-answers")
    node.command("arping")
    return node


def check(node: Node, program: str, *arguments: str) -> bool:
    """Whether a check finds the balancer fit."""
    return node.run(f"usr/local/bin/{program}", *arguments, **VARIABLES) == 0


@pytest.mark.parametrize(
    ("own", "peer", "fit"), [(True, True, True), (True, False, True), (False, True, False), (False, False, True)]
)
def test_a_silent_apache_counts_where_the_peer_answers(node: Node, own: bool, peer: bool, fit: bool) -> None:
    answers = f"case $1 in 127.0.0.1) exit {int(not own)} ;; *) exit {int(not peer)} ;; esac"
    node.command("balancer-answers", answers)
    assert check(node, "apache-check") is fit


@pytest.mark.parametrize(
    ("statuses", "peer", "fit"),
    [
        (["Init Ok", "Init Err"], True, True),
        (["Init HcFl", "Init Err"], True, False),
        (["Init Dis", "Init Stop"], True, False),
        (["Init HcFl", "Init Err"], False, True),
        ([], True, False),
    ],
)
def test_a_balancer_without_members_counts_where_the_peer_has_one(
    node: Node, statuses: list[str], peer: bool, fit: bool
) -> None:  # fmt: skip
    members = "\n".join(MEMBER.format(status) for status in statuses)
    node.command("balancer-manager", f"cat <<'XML'\n{members}\nXML")
    node.command("balancer-answers", f"exit {int(not peer)}")
    assert check(node, "nodes-check") is fit
    assert (node.root / "run/failover/no-nodes").exists() is not fit


def test_a_manager_that_does_not_answer_is_another_checks_business(node: Node) -> None:
    node.command("balancer-manager", "exit 1")
    assert check(node, "nodes-check")


def test_every_pool_of_the_peer_is_asked(node: Node) -> None:
    node.command("balancer-manager", f"echo '{MEMBER.format('Init Err')}'")
    node.command("balancer-answers", "exit 1")
    assert check(node, "nodes-check")
    assert node.calls[-2:] == [f"balancer-answers 198.18.0.12 /alive/{pool}" for pool in ("webmail", "files")]


def test_one_neighbour_that_answers_is_enough_and_it_does_not_ask_itself(node: Node) -> None:
    node.command("arping", 'case "$*" in *198.18.0.12) exit 0 ;; *) exit 1 ;; esac')
    assert check(node, "neighbours-answer")
    assert [call.split()[-1] for call in node.calls] == ["198.18.0.60", "198.18.0.12"]


def test_a_balancer_that_no_neighbour_answers_is_cut_off(node: Node) -> None:
    node.command("arping", "exit 1")
    assert not check(node, "neighbours-answer")
    assert (node.root / "run/failover/cut-off").exists()


def test_a_balancer_without_its_interface_is_cut_off(node: Node) -> None:
    node.command("interface-of", "exit 1", recorded=False)
    assert not check(node, "neighbours-answer")


@pytest.mark.parametrize(("takes", "status", "fit"), [(1, 0, True), (1, 1, False), (5, 1, True), (5, 0, True)])
def test_a_check_that_was_held_up_counts_for_nothing(node: Node, takes: int, status: int, fit: bool) -> None:
    node.command("apache-check", f"sleep {takes}; exit {status}")
    assert check(node, "in-time", "3", "apache-check") is fit
    assert (node.root / "run/failover/beat").exists()


@pytest.mark.parametrize(("peer", "status", "standing"), [(True, 0, "-254"), (False, 1, "0")])
def test_resign_is_refused_where_nobody_would_take_the_address(
    node: Node, peer: bool, status: int, standing: str
) -> None:  # fmt: skip
    node.write("run/failover/standing", "0\n")
    node.command("balancer-answers", f"exit {int(not peer)}")
    assert node.run("usr/local/bin/resign", FAILOVER_DAEMON="keepalived", **VARIABLES) == status
    assert node.read("run/failover/standing") == standing


def test_resign_steps_down_by_ucarp_in_the_reference(node: Node) -> None:
    node.command("sv")
    assert node.run("usr/local/bin/resign", **VARIABLES) == 0
    assert node.calls == ["sv 2 ucarp"]
