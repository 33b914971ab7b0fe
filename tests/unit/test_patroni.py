"""The Patroni design: its cluster, the states of its nodes, what its runs record, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from composed import recorded
from ruamel.yaml import YAML
from test_health import TOPOLOGY as DEFAULT_TOPOLOGY
from test_health import whole
from test_topology import CLUSTER

from testbed.cluster import complaints, secrets
from testbed.cluster.node_summary import describe_state
from testbed.cluster.remedies import next_remedy
from testbed.cluster.state import ClusterState
from testbed.designs.design_registry import design_of
from testbed.designs.patroni import patroni_state
from testbed.designs.patroni.patroni_record import RecordedPatroni
from testbed.designs.patroni.patroni_state import EtcdWitnessState, PatroniState, parse
from testbed.designs.remedy import Remedy
from testbed.errors import UsageError
from testbed.faults import check_fault
from testbed.images.image_catalogue import Choices, catalogue, select
from testbed.incidents import load
from testbed.journal import Aspect
from testbed.machines import Machine, Power
from testbed.recorder.log_events import parse_log_line
from testbed.recorder.run_artifacts import _node
from testbed.roles.node_state import split
from testbed.topology import Role, Topology, resolve

OVERLAY = CLUSTER.with_name("patroni.yaml")
ADDRESS = "198.18.1.20"
STATE = """== health
{health}
== ip -o -4 addr
2: eth0    inet 198.18.1.21/24 brd 198.18.1.255 scope global eth0
{address}== pg_isready
/var/run/postgresql:5432 - accepting connections
== psql
{psql}
== patroni
{rest}
== pgrep -x patroni
121
== pgrep -x vip-manager
98
"""
HELD = "2: eth0    inet 198.18.1.20/24 scope global secondary eth0\n"
HEALTHY = '{"health":"true","reason":""}'
NO_QUORUM = '{"health":"false","reason":"RAFT NO LEADER"}'
PRIMARY, STANDBY = "primary|3|0/5000060|none|streaming", "standby|3|0/5000060|streaming|none"


def topology() -> Topology:
    """The cluster as Compose merges it."""
    files = [CLUSTER, OVERLAY]
    return resolve(YAML(typ="safe", pure=True).load(recorded(files, {})), files)


CLUSTER_OF_PATRONI = topology()
DESIGN = design_of(CLUSTER_OF_PATRONI)


def node(name: str, psql: str, address: str = "", health: str = HEALTHY, **rest: object) -> PatroniState:
    """A database node's state from what it prints."""
    text = STATE.format(address=address, psql=psql, health=health, rest=json.dumps({"state": "running", **rest}))
    return parse(name, ADDRESS, split(text))


def pair(changes: dict[str, Any] | None = None, witness: EtcdWitnessState | None = None) -> ClusterState:
    """A healthy cluster, but for changes of the standby and the arbiter."""
    databases = (node("db1", PRIMARY, HELD), replace(node("db2", STANDBY), **(changes or {})))
    arbiter = witness or EtcdWitnessState("arbiter", reachable=True, etcd=True)
    state = replace(whole(), databases=databases, arbiters=(arbiter,))
    return replace(state, power={**state.power, "arbiter": Power.ON})


def test_its_cluster_has_containers_for_databases_and_a_third_member_of_etcd() -> None:
    assert DESIGN.name == "patroni"
    assert CLUSTER_OF_PATRONI.database.filesystem is None
    assert {each.keys.machine for each in CLUSTER_OF_PATRONI.of_role(Role.DATABASE)} == {"container"}
    assert [each.name for each in CLUSTER_OF_PATRONI.of_role(Role.ARBITER)] == ["arbiter"]
    members = [
        dict(each.split("=") for each in machine.environment["ETCD_MEMBERS"].split())
        for role in (Role.DATABASE, Role.ARBITER)
        for machine in CLUSTER_OF_PATRONI.of_role(role)
    ]
    addresses = {
        machine.name: str(machine.addresses["backend"])
        for role in (Role.DATABASE, Role.ARBITER)
        for machine in CLUSTER_OF_PATRONI.of_role(role)
    }
    assert members == [addresses] * 3


def test_its_nodes_see_its_passwords_and_the_arbiter_none(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, CLUSTER_OF_PATRONI)
    text = (tmp_path / "nodes" / "db" / "secrets.env").read_text()
    assert {"REPLICATION_PASSWORD", "REWIND_PASSWORD"} < {line.partition("=")[0] for line in text.splitlines()}
    assert not (tmp_path / "nodes" / "arbiter").exists()


def test_its_image_is_built_instead_of_those_of_the_other_designs() -> None:
    choices = Choices({"base": "bookworm", "app": "bullseye", "vm": "trixie"}, None, 60, 2006, design="patroni")
    names = [image.name for image in select(catalogue(Path("/checkout"), choices), [])]
    assert "patroni" in names
    assert not {"db", "guest", "arbiter", "streaming"} & set(names)


def test_a_healthy_pair_has_no_complaint() -> None:
    state = pair()
    assert complaints(state, CLUSTER_OF_PATRONI) == []
    assert state.primary_database == "db1"
    assert [each.role for each in state.databases] == ["primary", "standby"]
    assert describe_state(state.arbiters[0]) == "member of etcd: healthy"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"replication": "none"}, "db2: replication is standby none"),
        ({"replication": "none", "manager_state": "creating replica"},
         "db2: replication is standby none (creating replica)"),
        ({"patroni": False}, "db2: Patroni does not run"),
        ({"vip_manager": False}, "db2: vip-manager does not run"),
        ({"etcd": False}, "db2: its member of etcd is not healthy"),
        ({"paused": True}, "db2: Patroni is in maintenance mode"),
        ({"reachable": False}, "db2 does not answer"),
    ],
)  # fmt: skip
def test_each_damage_is_named(changes: dict[str, Any], complaint: str) -> None:
    assert complaint in complaints(pair(changes), CLUSTER_OF_PATRONI)


@pytest.mark.parametrize(
    ("witness", "complaint"),
    [
        (EtcdWitnessState("arbiter", reachable=False), "arbiter does not answer"),
        (EtcdWitnessState("arbiter", reachable=True), "arbiter: its member of etcd is not healthy"),
    ],
)
def test_a_member_of_etcd_without_a_quorum_is_named(witness: EtcdWitnessState, complaint: str) -> None:
    assert complaints(pair(witness=witness), CLUSTER_OF_PATRONI) == [complaint]


def test_what_patroni_and_etcd_answer_is_read() -> None:
    state = node("db2", "", health=NO_QUORUM, state="creating replica", pause=True)
    assert (state.etcd, state.manager_state, state.paused) == (False, "creating replica", True)
    assert (state.postgres_role, state.replication, state.carp) == ("none", "none", True)
    silent = parse("db2", ADDRESS, split("== health\n\n== ip -o -4 addr\n== psql\n\n== patroni\n\n"))
    assert (silent.etcd, silent.manager_state, silent.patroni, silent.carp) == (False, "", False, False)


def test_an_arbiter_is_asked_for_its_member_of_etcd() -> None:
    def look(command: list[str], timeout: float) -> SimpleNamespace:  # noqa: ARG001
        return SimpleNamespace(status=0, stdout=f"== health\n{HEALTHY}\n")

    machine = cast("Machine", SimpleNamespace(name="arbiter", power=lambda: Power.ON, look=look))
    assert DESIGN.query_arbiter(machine) == EtcdWitnessState("arbiter", reachable=True, etcd=True)
    off = cast("Machine", SimpleNamespace(name="arbiter", power=lambda: Power.OFF))
    assert patroni_state.witness(off) == EtcdWitnessState("arbiter", reachable=False)


def test_a_node_whose_server_has_died_is_still_the_primary() -> None:
    state = node("db1", "", HELD)
    assert (state.role, state.serving) == ("primary", False)


def remedies(state: ClusterState) -> list[Remedy]:
    done: list[Remedy] = []
    while remedy := next_remedy(DESIGN, state, complaints(state, CLUSTER_OF_PATRONI), done):
        done.append(remedy)
    return done


def test_a_patroni_that_has_ended_starts_again_first() -> None:
    assert str(remedies(pair({"patroni": False, "carp": False}))[0]) == "db2: Patroni starts again"


def test_a_standby_without_a_server_is_helped_mildly_first_and_a_copy_that_is_made_is_not_disturbed() -> None:
    without = {"postgres_role": "none", "replication": "none", "postgres": False}
    assert [str(each) for each in remedies(pair(without))] == [
        "db2: Patroni is restarted", "db2: power-cycling it",
        "db1: power-cycling both database nodes, this one first",
    ]  # fmt: skip
    copying = remedies(pair({**without, "manager_state": "creating replica"}))
    assert "db2: Patroni is restarted" not in [str(each) for each in copying]


def test_an_address_where_it_does_not_belong_has_vip_manager_restarted() -> None:
    assert str(remedies(pair({"holds_address": True}))[0]) == "db2: vip-manager is restarted"


def test_maintenance_mode_is_ended() -> None:
    assert "db2: Patroni leaves maintenance mode" in [str(each) for each in remedies(pair({"paused": True}))]


def test_no_decision_about_data_is_a_persons() -> None:
    assert DESIGN.decision(()) == ""


@pytest.mark.parametrize(
    ("line", "name", "changes"),
    [
        ("event=postgres-role role=primary up=12.34", "postgres-role", (("postgres-role", "primary"),)),
        ("event=replication state=streaming up=12.34", "replication", (("replication", "streaming"),)),
        ("event=address-claimed up=12.34", "address-claimed", ((Aspect.DATABASE_ADDRESS, "held"),)),
        ("event=leader-lock up=12.34", "leader-lock", ()),
        ("event=demoted up=12.34", "demoted", ()),
    ],
)
def test_the_events_of_its_nodes_are_read(line: str, name: str, changes: tuple[tuple[str, str], ...]) -> None:
    event = parse_log_line(Role.DATABASE, line, RecordedPatroni())
    assert (event.name, event.changes, event.up) == (name, changes, 12.34)


def test_a_recorded_primary_whose_server_has_died_is_still_the_primary() -> None:
    held = {Aspect.DATABASE_ADDRESS: "held", "postgres-role": "none"}
    assert DESIGN.recorded_state("db1", reachable=True, recorded=held).role == "primary"
    assert DESIGN.recorded_state("db2", reachable=True, recorded={"postgres-role": "standby"}).role == "standby"


@pytest.mark.parametrize("fault", ["disk-error", "disk-corruption", "disk-full"])
def test_a_fault_of_another_design_is_refused_in_one_line(fault: str) -> None:
    with pytest.raises(UsageError, match=f"{fault} is impossible on db:primary: it is a fault of the database design"):
        check_fault(fault, "db:primary", {}, CLUSTER_OF_PATRONI)


def test_an_incident_with_a_fault_of_another_design_is_refused_before_it_begins() -> None:
    path = CLUSTER.parents[1] / "incidents" / "database-disk-error.yaml"
    with pytest.raises(UsageError, match="disk-error is impossible on db:primary: it is a fault of the database"):
        load(path, CLUSTER_OF_PATRONI)
    load(path, DEFAULT_TOPOLOGY)


@pytest.mark.parametrize("process", ["patroni", "etcd", "vip-manager", "postgres"])
def test_faults_of_processes_strike_its_daemons_on_its_nodes_alone(process: str) -> None:
    check_fault("process-kill", "db:primary", {"process": process}, CLUSTER_OF_PATRONI)
    with pytest.raises(UsageError, match=f"it runs no {process}"):
        check_fault("process-kill", "lb:active", {"process": process}, CLUSTER_OF_PATRONI)
    if process != "postgres":
        with pytest.raises(UsageError, match=rf"it runs no {process} \(but postgres, ucarp\)"):
            check_fault("process-kill", "db:primary", {"process": process}, DEFAULT_TOPOLOGY)


def test_its_database_nodes_run_no_ucarp_and_its_balancers_do() -> None:
    check_fault("process-kill", "lb:active", {"process": "ucarp"}, CLUSTER_OF_PATRONI)
    with pytest.raises(UsageError, match=r"on db1: it runs no ucarp \(but postgres, patroni, etcd, vip-manager\)"):
        check_fault("process-kill", "db1", {"process": "ucarp"}, CLUSTER_OF_PATRONI)


def test_a_patroni_that_a_fault_has_killed_starts_again_as_it_is_healed() -> None:
    calls: list[str] = []

    def execute(command: list[str], timeout: float) -> SimpleNamespace:  # noqa: ARG001
        calls.append(command[-1])
        return SimpleNamespace(check=lambda failure, where: "")  # noqa: ARG005

    machine = cast("Machine", SimpleNamespace(name="db1", exec=execute))
    DESIGN.restart_daemon(machine, "etcd")
    DESIGN.restart_postgres(machine)
    assert calls == []
    DESIGN.restart_daemon(machine, "patroni")
    assert calls == ["sv once /etc/testbed-services/database/patroni"]


def test_repairs_that_it_cannot_make_are_refused_with_the_reason() -> None:
    db1 = cast("Machine", SimpleNamespace(name="db1"))
    with pytest.raises(UsageError, match="the database design patroni cannot resolve split brains: Patroni discards"):
        DESIGN.must_resolve_split_brains()
    with pytest.raises(UsageError, match="the database design patroni cannot compare the copies: the two copies"):
        DESIGN.compare_copies(db1, repair=False)
    assert DESIGN.why_no_backup


def test_a_run_collects_the_logs_of_its_daemons(tmp_path: Path) -> None:
    calls: list[str] = []

    def execute(command: list[str], timeout: float) -> SimpleNamespace:  # noqa: ARG001
        calls.append(command[-1])
        return SimpleNamespace(stdout="lines\n")

    node = CLUSTER_OF_PATRONI.nodes["db1"]
    machine = SimpleNamespace(name="db1", node=node, exec=execute, console=lambda: None, logs=lambda **_: [])
    _node(cast("Machine", machine), tmp_path, None, 0.0)
    assert calls == [
        "/var/log/patroni.log", "/var/log/etcd.log", "/var/log/vip-manager.log",
        "/var/log/postgresql/postgresql-17-main.log",
    ]  # fmt: skip
    assert (tmp_path / "db1-postgresql-17-main.log").read_text() == "lines\n"
