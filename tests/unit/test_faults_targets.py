# ruff: noqa: S311 - choices, no secrets
"""Targets and options: what can be said of them before anything runs, and how they are resolved when it does."""

from __future__ import annotations

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes import FakeMachine, fleet, topology

from testbed import faults
from testbed.designs.drbd.drbd_state import DrbdState
from testbed.errors import UsageError
from testbed.faults import Ledger, OptionError, parse_target
from testbed.faults.fault_options import format_options
from testbed.faults.fault_target import NodeStates
from testbed.machines.fleet import Fleet
from testbed.roles import BalancerState


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "faults")


@pytest.fixture
def running_fleet(ledger: Ledger) -> Fleet:
    names = ("app-1", "app-2", "app-3", "db1", "db2", "lb1", "lb2", "mail")
    return fleet(*(FakeMachine(name, ledger) for name in names))


def state(primary: str = "db1", active: str = "lb2", unreachable: str = "") -> NodeStates:
    databases = [
        DrbdState(name, name != unreachable, drbd_role="Primary" if name == primary else "Secondary")
        for name in ("db1", "db2")
    ]
    balancers = [BalancerState(name, name != unreachable, holds_address=name == active) for name in ("lb1", "lb2")]
    return cast("NodeStates", SimpleNamespace(databases=databases, balancers=balancers))


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("db2", "db2"), ("app-3", "app-3"), ("db:primary", "db1"), ("db:standby", "db2"), ("lb:active", "lb2"),
        ("lb:standby", "lb1"), ("mail", "mail"), ("mail:any", "mail"),
    ],
)  # fmt: skip
def test_resolved_to_a_machine(text: str, machine: str, running_fleet: Fleet) -> None:
    assert parse_target(text, topology()).resolve(running_fleet, state()).name == machine


def test_the_same_seed_makes_the_same_choice(running_fleet: Fleet) -> None:
    target = parse_target("app:any", topology())
    chosen = [
        [target.resolve(running_fleet, rng=rng).name for _ in range(20)] for rng in (Random(7), Random(7), Random(8))
    ]
    assert chosen[0] == chosen[1] != chosen[2]
    assert set(chosen[0]) == {"app-1", "app-2", "app-3"}


def test_any_falls_on_machines_that_are_on(running_fleet: Fleet) -> None:
    for name in ("app-1", "app-3"):
        running_fleet[name].kill()
    target = parse_target("app:any", topology())
    assert {target.resolve(running_fleet, rng=Random(seed)).name for seed in range(20)} == {"app-2"}
    running_fleet["app-2"].kill()
    with pytest.raises(UsageError, match="no node that is on is app:any"):
        target.resolve(running_fleet)


@pytest.mark.parametrize(
    ("text", "moment", "message"),
    [
        ("db:primary", state(primary=""), "no node is db:primary now"),
        ("db:standby", state(primary=""), "both db1 and db2 are db:standby now"),
        ("db:standby", state(unreachable="db2"), "no node is db:standby now"),
        ("lb:active", state(unreachable="lb2"), "no node is lb:active now"),
    ],
)
def test_refused_if_no_node_or_both_are_in_the_state(
    text: str, moment: NodeStates, message: str, running_fleet: Fleet
) -> None:
    with pytest.raises(UsageError, match=message):
        parse_target(text, topology()).resolve(running_fleet, moment)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("db9", "no node 'db9'; the nodes are app-1, app-2, client, db1"),
        ("app", "no node 'app'"),
        ("app-3", "no node 'app-3'"),
        ("app-0", "no node 'app-0'"),
        ("db1-1", "no node 'db1-1'"),
        ("db:master", "'db:master': db has no state 'master'; write db:primary, db:standby, db:any"),
        ("lb:primary", "write lb:active, lb:standby, lb:any"),
        ("web:any", "'web:any': no role 'web'; the roles are lb, app, db, mail"),
        ("", "no node ''"),
    ],
)
def test_an_impossible_target_is_refused_before_anything_runs(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_target(text, topology(), scale={})


def test_scale_limits_the_node_numbers() -> None:
    assert parse_target("app-3", topology(), {"app": 3}).name == "app-3"
    assert parse_target("app-30", topology()).name == "app-30"  # checked later, against the running cluster


@pytest.mark.parametrize(
    ("fault", "target", "given", "message"),
    [
        ("cable-pull", "lb:any", {"network": "replication"}, "lb1 is not on 'replication'; its networks are public"),
        ("resign", "app-1", {}, "resign is impossible on app-1: it shares no virtual address"),
        ("cable-pull", "db1", {"network": 7}, "cable-pull: network: 7 is not a list of networks; write backend"),
        ("cable-pull", "db1", {"networks": "backend"}, "no option 'networks'; the options of cable-pull are network"),
        ("earthquake", "db1", {}, "no fault 'earthquake'"),
        ("process-stop", "db1", {}, "the fault 'process-stop' was renamed; write process-hang"),
    ],
)  # fmt: skip
def test_checked_before_anything_runs(fault: str, target: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        faults.check_fault(fault, target, given, topology())


def test_the_option_at_fault_is_named() -> None:
    with pytest.raises(OptionError) as caught:
        faults.parse_options("cable-pull", {"network": "backend", "speed": 1})
    assert caught.value.option == "speed"


def test_networks_are_read_as_text_or_list_and_written_as_text() -> None:
    for given in ("backend, replication", ["backend", "replication", "backend"]):
        options = faults.parse_options("cable-pull", {"network": given})
        assert format_options(options) == {"network": "backend,replication"}
        assert faults.parse_options("cable-pull", format_options(options)) == options
    assert format_options(faults.parse_options("cable-pull", {})) == {}


@pytest.mark.parametrize("name", faults.FAULTS)
def test_every_fault_has_a_schema_of_its_options(name: str) -> None:
    schema = faults.FAULTS[name].Options.model_json_schema()
    assert schema["additionalProperties"] is False
    for option in schema.get("properties", {}).values():
        assert option["description"]
