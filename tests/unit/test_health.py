"""The audit: a healthy cluster has no complaint, and each damage is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from test_topology import CLUSTER, merged

from testbed.applications import pools
from testbed.balancers.apache.apache_member import ApacheMember
from testbed.cluster import ClusterState, complaints
from testbed.designs.drbd.drbd_state import DrbdState
from testbed.machines import Power
from testbed.roles import AppState, BalancerState, MailState
from testbed.topology import resolve

TOPOLOGY = resolve(merged(), [CLUSTER])
NODES = ["app-1", "app-2", "client", "db1", "db2", "gateway", "lb1", "lb2", "mail", "observer"]


def whole() -> ClusterState:
    pool = tuple(
        ApacheMember(name, f"http://{name}:{pool.port}", "Init Ok", 0, pool.name)
        for pool in pools(TOPOLOGY)
        for name in (("app-1", "app-2") if pool.nodes == "all" else pool.nodes)
    )
    copies: dict[str, Any] = {"drbd_connection": "Connected", "drbd_disks": "UpToDate/UpToDate", "carp": True}
    return ClusterState(
        power=dict.fromkeys(NODES, Power.ON),
        balancers=(
            BalancerState("lb1", reachable=True, holds_address=True, apache=True, carp=True, members=pool),
            BalancerState("lb2", reachable=True, apache=True, carp=True, members=pool),
        ),
        apps=(
            AppState("app-1", reachable=True, apache=True, sessions=3, applications=("webmail", "files")),
            AppState("app-2", reachable=True, apache=True, applications=("webmail", "wiki", "files")),
        ),
        databases=(
            DrbdState(
                "db1", reachable=True, holds_address=True, drbd_role="Primary", mounted=True, postgres=True, **copies
            ),
            DrbdState("db2", reachable=True, drbd_role="Secondary", **copies),
        ),
        mail=(MailState("mail", reachable=True, imap=True, smtp=True),),
    )


def test_a_whole_cluster_has_no_complaint() -> None:
    state = whole()
    assert complaints(state, TOPOLOGY) == []
    assert state.active_balancer == "lb1"
    assert state.primary_database == "db1"


def with_balancer(changes: dict[str, Any]) -> ClusterState:
    state = whole()
    return replace(state, balancers=(state.balancers[0], replace(state.balancers[1], **changes)))


def with_databases(first: dict[str, Any], second: dict[str, Any]) -> ClusterState:
    state = whole()
    one, two = state.databases
    return replace(state, databases=(replace(one, **first), replace(two, **second)))


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (with_balancer({"holds_address": True}), "the site's address is held by lb1 and lb2"),
        (with_balancer({"apache": False}), "lb2: Apache does not run"),
        (with_balancer({"carp": False}), "lb2: takes no part in CARP"),
        (with_balancer({"members": ()}), "lb2: app-1, app-2 not usable in the pool of webmail"),
        (
            with_balancer(
                {"members": (ApacheMember("app-1", "", "Init Err", 0), ApacheMember("app-2", "", "Init Ok", 0))}
            ),
            "lb2: app-1 not usable in the pool of webmail",
        ),
        (with_databases({"holds_address": False}, {}), "the database's address is held by no node"),
        (with_databases({}, {"holds_address": True}), "the database's address is held by db1 and db2"),
        (with_databases({"postgres": False}, {}), "db1 holds the database's address but does not serve"),
        (with_databases({}, {"drbd_connection": "StandAlone"}), "db2: DRBD is StandAlone UpToDate/UpToDate"),
        (with_databases({}, {"drbd_disks": "Inconsistent/UpToDate"}), "db2: DRBD is Connected Inconsistent/UpToDate"),
        (with_databases({}, {"reachable": False}), "db2 does not answer"),
        (with_databases({}, {"carp": False}), "db2: takes no part in CARP"),
        (replace(whole(), apps=(AppState("app-1", reachable=False),)), "app-1 does not answer"),
        (
            replace(whole(), apps=(AppState("app-2", reachable=True, applications=("webmail", "files")),)),
            "app-2: wiki does not run",
        ),
        (
            replace(
                whole(), apps=(whole().apps[0], replace(whole().apps[1], silent={"wiki": "status 503 for /wiki/"}))
            ),
            "app-2: wiki does not serve: status 503 for /wiki/",
        ),
        (replace(whole(), mail=(MailState("mail", reachable=True, imap=True),)), "mail: Postfix does not run"),
        (replace(whole(), power={**whole().power, "db2": Power.FROZEN}), "db2 is frozen"),
    ],
)
def test_each_damage_is_named(state: ClusterState, complaint: str) -> None:
    assert complaint in complaints(state, TOPOLOGY)


@pytest.mark.parametrize("missing", ["gateway", "app-1"])
def test_a_missing_machine_is_named(missing: str) -> None:
    """By its number, too, because another app node does not run the applications of this one."""
    state = whole()
    power = {name: each for name, each in state.power.items() if name != missing} | {"app-3": Power.ON}
    assert complaints(replace(state, power=power), TOPOLOGY) == [f"{missing} does not exist"]


def test_two_owners_are_no_owner() -> None:
    assert with_balancer({"holds_address": True}).active_balancer is None
