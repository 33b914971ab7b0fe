"""`vrrp-notifier` of the balancers: what it makes of keepalived's decisions, and of a keepalived that hangs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from node_programs import Node

from testbed.wait import wait_until

BALANCER = Path(__file__).parents[2] / "images/lb/bin"
ADDRESS = "198.18.0.10"
VARIABLES = {"SITE_ADDRESS": ADDRESS, "PUBLIC_ADDRESS": "198.18.0.11", "PEER_ADDRESS": "198.18.0.12"}


class Notifier:
    """A vrrp-notifier at work, and the pipe that keepalived writes into.

    Args:
        node: the balancer.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.out = node.root / "out"
        os.mkfifo(node.root / "run/failover/events")
        with self.out.open("w") as output:
            self.process = subprocess.Popen(
                [node.root / "usr/local/bin/vrrp-notifier"], stdout=output, stderr=subprocess.STDOUT, text=True,
                env={"PATH": f"{node.bin}:/usr/bin:/bin", "ROOT": str(node.root), "LC_ALL": "C", **VARIABLES},
            )  # fmt: skip
        self._pipe = (node.root / "run/failover/events").open("w")

    def decide(self, state: str) -> None:
        """Write a decision as keepalived does, and wait until it has been worked off."""
        self._pipe.write(f'INSTANCE "site" {state} 100\n')
        self._pipe.flush()
        wait_until(
            lambda: self.node.read("run/failover/state") == state, 10, f"state {state}", describe=self.out.read_text
        )

    @property
    def events(self) -> list[str]:
        """The events so far, each without its time."""
        return [re.sub(r" up=[\d.]+$", "", line.removeprefix("event=")) for line in self.out.read_text().splitlines()]

    @property
    def standing(self) -> str:
        """What is added to the balancer's priority."""
        return self.node.read("run/failover/standing")

    def end(self) -> None:
        """End the program."""
        self.process.kill()
        self.process.wait()
        self._pipe.close()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A balancer whose neighbours answer and whose cable is in."""
    node = Node(tmp_path, usr_local_bin=BALANCER)
    node.write("run/failover/standing", "0\n")
    node.write("sys/class/net/eth0/carrier", "1\n")
    node.command("interface-of", "echo eth0", recorded=False)
    for name in ("neighbours-answer", "balancer-answers", "sv"):
        node.command(name)
    return node


@pytest.fixture
def notifier(node: Node) -> Iterator[Notifier]:
    """The program, at work until the test ends."""
    notifier = Notifier(node)
    yield notifier
    notifier.end()


def mark(node: Node, name: str) -> None:
    """Leave the mark of a health check that has just failed."""
    node.write(f"run/failover/{name}", "")


def test_a_master_that_neighbours_answer_stands_higher(notifier: Notifier) -> None:
    notifier.decide("MASTER")
    assert notifier.events == [f"carp-master address={ADDRESS}", f"address-claimed address={ADDRESS} interface=eth0"]
    wait_until(lambda: notifier.standing == "50", 10, "the standing of a master")


def test_a_master_that_no_neighbour_answers_has_no_standing(node: Node, notifier: Notifier) -> None:
    node.command("neighbours-answer", "exit 1")
    notifier.decide("MASTER")
    assert notifier.standing == "0"


def test_a_backup_that_was_master_releases_the_address_and_its_standing(notifier: Notifier) -> None:
    notifier.decide("MASTER")
    notifier.decide("BACKUP")
    assert notifier.events[2:] == [
        f"carp-backup address={ADDRESS}",
        f"address-released address={ADDRESS} interface=eth0",
    ]
    assert notifier.standing == "0"


def test_a_backup_that_held_nothing_releases_nothing(notifier: Notifier) -> None:
    notifier.decide("BACKUP")
    assert notifier.events == [f"carp-backup address={ADDRESS}"]


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda node: node.write("sys/class/net/eth0/carrier", "0\n"), "cable"),
        (lambda node: node.write("run/failover/standing", "-254\n"), "asked"),
        (lambda node: mark(node, "cut-off"), "cut-off"),
        (lambda node: mark(node, "no-nodes"), "no-nodes"),
        (lambda _: None, "apache"),
    ],
)
def test_a_balancer_that_leaves_the_election_records_why(
    node: Node, notifier: Notifier, prepare: Callable[[Node], object], reason: str
) -> None:
    prepare(node)
    notifier.decide("FAULT")
    assert notifier.events == [f"carp-backup address={ADDRESS}", f"resigned reason={reason}"]
    notifier.decide("BACKUP")
    assert notifier.events[-1] == f"fit-again after={reason}"


def test_an_old_mark_of_a_check_is_not_the_reason(node: Node, notifier: Notifier) -> None:
    mark(node, "no-nodes")
    old = time.time() - 60
    os.utime(node.root / "run/failover/no-nodes", (old, old))
    notifier.decide("FAULT")
    assert notifier.events[-1] == "resigned reason=apache"


def test_keepalived_starts_again_where_the_interface_is_gone(node: Node, notifier: Notifier) -> None:
    node.command("interface-of", "exit 1", recorded=False)
    notifier.decide("FAULT")
    wait_until(lambda: "sv term keepalived" in node.calls, 10, "keepalived to be ended")


def test_lines_of_other_instances_change_nothing(notifier: Notifier) -> None:
    notifier._pipe.write('INSTANCE "other" MASTER 100\nGROUP "site" MASTER 0\nrubbish\n')
    notifier._pipe.flush()
    notifier.decide("BACKUP")
    assert notifier.events == [f"carp-backup address={ADDRESS}"]


def test_a_keepalived_that_starts_no_check_is_ended(node: Node, notifier: Notifier) -> None:
    hung, other = subprocess.Popen(["/bin/sleep", "60"]), subprocess.Popen(["/bin/sleep", "60"])
    node.write(f"proc/{hung.pid}/comm", "keepalived\n")
    node.write(f"proc/{other.pid}/comm", "apache2\n")
    try:
        notifier.decide("MASTER")
        node.write("run/failover/beat", "")
        assert hung.wait(30) == -9
        assert notifier.events[-1] == "resigned reason=hung"
        assert (node.read("run/failover/state"), notifier.standing) == ("FAULT", "0")
        assert other.poll() is None
    finally:
        for process in (hung, other):
            process.kill()
            process.wait()
