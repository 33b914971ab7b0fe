"""What is done for a cluster that does not become healthy by itself: which remedy, for whom, in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from test_health import TOPOLOGY, whole, with_balancer, with_databases

from testbed.cluster import ClusterState, complaints
from testbed.cluster.remedies import next_remedy
from testbed.designs.design_registry import design_of
from testbed.designs.drbd.drbd_arbiter import DrbdArbiterState
from testbed.designs.drbd.drbd_remedies import newest
from testbed.designs.drbd.drbd_state import DrbdState
from testbed.designs.remedy import Remedy
from testbed.machines import Power
from testbed.roles import AppState, MailState

OLD, NEW, OTHER = "AAAAAAAAAAAAAAA0", "BBBBBBBBBBBBBBB1", "CCCCCCCCCCCCCCC0"
NONE = "0000000000000000"
DESIGN = design_of(TOPOLOGY)


def taken(state: ClusterState) -> list[str]:
    """Every remedy for a state that no remedy changes."""
    done: list[Remedy] = []
    while remedy := next_remedy(DESIGN, state, complaints(state, TOPOLOGY), done):
        done.append(remedy)
    return [f"{each.node} {each.action.name}" for each in done]


SICK = {"postgres": False}
DAMAGED = {"damaged": True}
CONNECTING: dict[str, Any] = {"drbd_connection": "WFConnection", "drbd_disks": "UpToDate/DUnknown"}
DISKLESS: dict[str, Any] = {"drbd_disks": "Diskless/UpToDate"}


def test_a_node_that_lost_a_docker_network_is_connected_before_anything_else() -> None:
    state = replace(with_databases({}, SICK), missing_networks={"client": ("public",), "db2": ("backend",)})
    assert "client is not connected to the Docker network public" in complaints(state, TOPOLOGY)
    assert taken(state)[:2] == ["client connect-networks", "db2 connect-networks"]


@pytest.mark.parametrize(
    ("state", "remedies"),
    [
        pytest.param(
            with_databases(SICK, {}),
            ["db1 finish-role", "db1 resign", "db2 power-cycle", "db1 power-cycle", "db1 cold-start"],
            id="PostgreSQL is down on the holder of the address",
        ),
        pytest.param(
            with_databases(DAMAGED, {}),
            ["db1 resign", "db2 power-cycle", "db1 power-cycle", "db1 cold-start"],
            id="lost writes: PostgreSQL is not started again on the same mount",
        ),
        pytest.param(
            with_databases(DISKLESS, {"drbd_disks": "UpToDate/Diskless"}),
            ["db1 attach", "db2 power-cycle", "db1 cold-start"],
            id="the primary's disk is detached",
        ),
        pytest.param(
            with_databases({"drbd_connection": "StandAlone"}, CONNECTING),
            ["db1 connect", "db2 reconnect", "db2 power-cycle", "db1 cold-start"],
            id="DRBD stands alone, and the copies are not parted",
        ),
        pytest.param(
            with_databases(CONNECTING | SICK, CONNECTING),
            ["db1 finish-role", "db2 reconnect", "db1 reconnect", "db1 cold-start"],
            id="who is sick may have the newer copy: no machine is cycled alone",
        ),
        pytest.param(
            with_databases({}, {"reachable": False, "drbd_connection": "Unknown", "drbd_disks": "Unknown/Unknown"}),
            ["db2 power-cycle", "db1 cold-start"],
            id="a standby that does not answer",
        ),
        pytest.param(with_databases({}, {"carp": False}), ["db2 rejoin", "db2 power-cycle", "db1 power-cycle",
                                                           "db1 cold-start"], id="no failover daemon"),
        pytest.param(
            with_databases({}, {"holds_address": True}),
            ["db2 finish-role", "db2 resign", "db2 rejoin", "db2 power-cycle", "db1 power-cycle", "db1 cold-start"],
            id="two hold the address",
        ),
        pytest.param(with_balancer({"apache": False}), ["lb2 restart"], id="the standby's Apache is down"),
        pytest.param(
            with_balancer({"holds_address": True}), ["lb1 restart", "lb2 restart"], id="two balancers hold the address"
        ),
        pytest.param(
            replace(whole(), mail=(MailState("mail", reachable=True, imap=True),)), ["mail restart"], id="no Postfix"
        ),
        pytest.param(
            replace(whole(), apps=(AppState("app-1", reachable=False), whole().apps[1])), ["app-1 restart"],
            id="an app node does not answer",
        ),
        pytest.param(with_balancer({"members": ()}), ["lb2 restart"], id="one balancer's pool is empty"),
        pytest.param(
            replace(whole(), arbiters=(DrbdArbiterState("arbiter", reachable=True, alone="db1"),),
                    power={**whole().power, "arbiter": Power.ON}),
            ["db1 resign", "arbiter restart"], id="the arbiter does not know that both copies are complete",
        ),
        pytest.param(whole(), [], id="a healthy cluster"),
    ],
)  # fmt: skip
def test_the_mildest_remedy_first_and_the_standby_first(state: ClusterState, remedies: list[str]) -> None:
    assert taken(state) == remedies


def test_a_database_node_that_does_not_answer_is_cycled_before_containers_restart() -> None:
    hung = {"reachable": False, "drbd_connection": "Unknown", "drbd_disks": "Unknown/Unknown"}
    state = replace(with_databases({}, hung), mail=(MailState("mail", reachable=True, imap=True),))
    remedies = taken(state)
    assert remedies.index("db2 power-cycle") < remedies.index("mail restart")


def test_app_nodes_that_no_balancer_can_use_come_before_the_balancers() -> None:
    state = whole()
    without = tuple(member for member in state.balancers[0].members if member.name != "app-1")
    state = replace(state, balancers=tuple(replace(each, members=without) for each in state.balancers))
    assert taken(state) == ["app-1 restart", "lb2 restart", "lb1 restart"]


def newest_node(state: ClusterState) -> str | None:
    """The node with the newest copy, None when no copy is."""
    found = newest([each for each in state.databases if isinstance(each, DrbdState)])
    return found.node if found else None


def with_generations(first: tuple[str, ...], second: tuple[str, ...], **changes: object) -> ClusterState:
    return with_databases({"generations": first} | changes, {"generations": second} | changes)


@pytest.mark.parametrize(
    ("first", "second", "node"),
    [
        ((NEW, OLD, NONE, NONE), (OLD, NONE, NONE, NONE), "db1"),
        ((OLD, NONE, NONE, NONE), (NEW, NONE, OLD, NONE), "db2"),
        ((NEW, NONE, NONE, NONE), (NEW, NONE, NONE, NONE), "db1"),
        ((NEW, OLD, NONE, NONE), (OTHER, OLD, NONE, NONE), None),
    ],
    ids=["by the bitmap", "by the history", "equal", "parted"],
)
def test_the_newer_copy_by_drbds_generations(first: tuple[str, ...], second: tuple[str, ...], node: str | None) -> None:
    state = with_generations(first, second, drbd_connection="WFConnection")
    assert newest_node(state) == node


def test_parted_copies_are_never_started_one_after_the_other() -> None:
    """The one that starts first would serve, and what the other has would have to go."""
    apart = with_generations((NEW, OLD, NONE, NONE), (OTHER, OLD, NONE, NONE), **CONNECTING)
    assert not [remedy for remedy in taken(apart) if "cold-start" in remedy]


def test_a_machine_that_does_not_answer_may_have_the_newer_copy() -> None:
    gone = {"reachable": False, "drbd_connection": "Unknown", "drbd_disks": "Unknown/Unknown", "drbd_role": "Unknown"}
    state = with_databases(gone, CONNECTING)
    assert newest_node(state) == "db1"
    state = with_databases(gone, {"drbd_connection": "WFConnection", "drbd_disks": "UpToDate/Outdated"})
    assert newest_node(state) == "db2"


@pytest.mark.parametrize(
    ("generations", "alone", "split"),
    [
        (((NEW, OLD, NONE, NONE), (OTHER, OLD, NONE, NONE)), True, True),
        (((NEW, OLD, NONE, NONE), (OLD, NONE, NONE, NONE)), True, False),
        (((NEW, NONE, OLD, NONE), (OLD, NONE, NONE, NONE)), True, False),
        (((NEW, NONE, NONE, NONE), (NEW, NONE, NONE, NONE)), True, False),
        (((NEW, OLD, NONE, NONE), ()), True, False),
        (((NEW, OLD, NONE, NONE), (OTHER, OLD, NONE, NONE)), False, False),
    ],
    ids=["both wrote", "one wrote", "one wrote long ago", "neither wrote", "one does not answer", "not met yet"],
)
def test_a_split_brain_needs_data_on_both_sides(
    generations: tuple[tuple[str, ...], tuple[str, ...]], alone: bool, split: bool
) -> None:
    state = with_generations(*generations, drbd_connection="StandAlone" if alone else "WFConnection")
    assert state.split_brain is split
    assert any("resolve split-brain" in text for text in complaints(state, TOPOLOGY)) is split


def test_what_a_failover_leaves_for_a_moment_is_no_split_brain() -> None:
    """The new primary stands alone for a moment, and its peer's copy is outdated."""
    state = with_databases(
        {"holds_address": False, "drbd_role": "Secondary", "mounted": False, "postgres": False, "drbd_connection":
         "WFConnection", "drbd_disks": "Outdated/DUnknown", "generations": (OLD, NONE, NONE, NONE)},
        {"holds_address": True, "drbd_role": "Primary", "mounted": True, "postgres": True, "drbd_connection":
         "StandAlone", "drbd_disks": "UpToDate/Outdated", "generations": (NEW, OLD, NONE, NONE)},
    )  # fmt: skip
    assert not state.split_brain


def test_a_decision_about_data_is_named() -> None:
    lost = {"drbd_connection": "WFConnection", "drbd_disks": "Inconsistent/DUnknown"}
    assert "neither copy of the database is known to be up to date" in DESIGN.decision(
        with_databases(lost, lost).databases
    )
    assert DESIGN.decision(whole().databases) == ""
