"""The streaming design: its cluster, the states of its nodes, what its runs record, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ruamel.yaml import YAML
from test_health import TOPOLOGY as DEFAULT_TOPOLOGY
from test_health import whole
from test_topology import CLUSTER, merged

from testbed.cluster import complaints, secrets
from testbed.cluster.remedies import next_remedy
from testbed.cluster.state import ClusterState
from testbed.cluster.up_options import UpOptions
from testbed.designs.design_registry import design_of
from testbed.designs.remedy import Remedy
from testbed.designs.streaming.streaming_record import RecordedStreaming
from testbed.designs.streaming.streaming_state import StreamingState, parse
from testbed.errors import UsageError
from testbed.faults import check_fault
from testbed.images.image_catalogue import Choices, catalogue, select
from testbed.incidents import load
from testbed.journal import Aspect
from testbed.machines import Machine
from testbed.recorder.log_events import parse_log_line
from testbed.roles.node_state import split
from testbed.topology import Role, Topology, resolve

OVERLAY = CLUSTER.with_name("streaming.yaml")
ADDRESS = "198.18.1.20"
STATE = """== ip -o -4 addr
2: eth0    inet 198.18.1.21/24 brd 198.18.1.255 scope global eth0
{address}== pg_isready
/run/postgresql:5432 - accepting connections
== psql
{psql}
== unsound
== pgrep -x ucarp
31
"""
HELD = "2: eth0    inet 198.18.1.20/32 scope global eth0\n"


def topology() -> Topology:
    """The cluster as Compose merges it: the overlay replaces the database nodes."""
    document: dict[str, Any] = merged()
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.add_constructor(
        "!override", lambda constructor, node: constructor.construct_mapping(node, deep=True)
    )
    text = (
        OVERLAY.read_text()
        .replace("${TESTBED_PREFIX:-198.18}", "198.18")
        .replace("${TESTBED_IMAGES:-testbed}", "testbed")
    )
    overlay = yaml.load(text)
    document["x-testbed-streaming"] = overlay["x-testbed-streaming"]
    document["services"] |= {name: overlay["services"][name] for name in ("db1", "db2")}
    return resolve(document, [CLUSTER, OVERLAY])


CLUSTER_OF_STREAMING = topology()
DESIGN = design_of(CLUSTER_OF_STREAMING)


def pair(changes: dict[str, Any] | None = None) -> ClusterState:
    """A healthy cluster, but for changes of the standby."""
    primary = parse("db1", ADDRESS, split(STATE.format(address=HELD, psql="primary|3|0/5000060|none|streaming/sync")))
    standby = parse("db2", ADDRESS, split(STATE.format(address="", psql="standby|3|0/5000060|streaming|none")))
    return replace(whole(), databases=(primary, replace(standby, **(changes or {}))))


def test_its_cluster_has_containers_for_databases_and_no_filesystem() -> None:
    assert DESIGN.name == "streaming"
    assert CLUSTER_OF_STREAMING.database.filesystem is None
    assert {node.keys.machine for node in CLUSTER_OF_STREAMING.of_role(Role.DATABASE)} == {"container"}


def test_a_profile_of_another_design_is_refused() -> None:
    document = merged()
    document["x-testbed"]["profile"] = "streaming"
    with pytest.raises(UsageError, match="the database design drbd has no profile 'streaming'; its profiles are"):
        resolve(document, [CLUSTER])


def test_a_filesystem_is_refused_by_a_design_without_a_volume() -> None:
    with pytest.raises(UsageError, match="the database design streaming has no volume") as refused:
        UpOptions(filesystem="xfs").must_have_filesystem(CLUSTER_OF_STREAMING)
    assert refused.value.exit_status == 2
    UpOptions(filesystem="xfs").must_have_filesystem(DEFAULT_TOPOLOGY)


def test_its_nodes_see_its_passwords_and_not_those_of_other_designs(tmp_path: Path) -> None:
    secrets.ensure(tmp_path, CLUSTER_OF_STREAMING)
    text = (tmp_path / "nodes" / "db" / "secrets.env").read_text()
    assert "REPLICATION_PASSWORD=" in text
    assert "ARBITER_SECRET" not in text
    assert not (tmp_path / "nodes" / "arbiter").exists()


def test_its_image_is_built_instead_of_those_of_the_default_design() -> None:
    choices = Choices({"base": "bookworm", "app": "bullseye", "vm": "trixie"}, None, 60, 2006, design="streaming")
    names = [image.name for image in select(catalogue(Path("/checkout"), choices), [])]
    assert "streaming" in names
    assert not {"db", "guest", "arbiter"} & set(names)


def test_a_healthy_pair_has_no_complaint() -> None:
    state = pair()
    assert complaints(state, CLUSTER_OF_STREAMING) == []
    assert state.primary_database == "db1"
    assert [each.role for each in state.databases] == ["primary", "standby"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"replication": "none"}, "db2: replication is standby none"),
        ({"carp": False}, "db2: takes no part in CARP"),
        ({"unsound": True}, "db2: its copy of the database is not complete"),
        ({"reachable": False}, "db2 does not answer"),
    ],
)
def test_each_damage_is_named(changes: dict[str, Any], complaint: str) -> None:
    assert complaint in complaints(pair(changes), CLUSTER_OF_STREAMING)


def test_a_primary_whose_commits_do_not_wait_yet_is_not_healthy() -> None:
    psql = "primary|3|0/5000060|none|streaming/async"
    state = parse("db1", ADDRESS, split(STATE.format(address=HELD, psql=psql)))
    assert state.serving
    assert state.synchronising
    assert list(state.complaints()) == ["db1: replication is primary catching-up"]


def test_a_node_whose_server_has_died_is_still_the_primary() -> None:
    state = parse("db1", ADDRESS, split(STATE.format(address=HELD, psql="").replace("accepting", "no response:")))
    assert (state.role, state.serving, state.postgres) == ("primary", False, False)


def test_the_longer_log_of_the_later_promotion_is_newer() -> None:
    old = StreamingState("db1", reachable=True, timeline=2, position=0x1_0000_0000)
    assert replace(old, timeline=3, position=1).newer_than(old)
    assert replace(old, position=0x1_0000_0001).newer_than(old)
    assert not old.newer_than(old)


def remedies(state: ClusterState) -> list[Remedy]:
    done: list[Remedy] = []
    while remedy := next_remedy(DESIGN, state, complaints(state, CLUSTER_OF_STREAMING), done):
        done.append(remedy)
    return done


def test_a_standby_that_does_not_follow_is_restarted_and_the_primary_is_not() -> None:
    assert [str(each) for each in remedies(pair({"replication": "none"}))] == [
        "db2: power-cycling it", "db1: power-cycling both database nodes, this one first",
    ]  # fmt: skip


def test_of_two_nodes_that_do_not_serve_the_newer_one_starts_first() -> None:
    state = pair({"timeline": 4})
    stopped = tuple(
        replace(each, holds_address=False, postgres_role="standby")
        for each in state.databases
        if isinstance(each, StreamingState)
    )
    found = remedies(replace(state, databases=stopped))
    assert str(found[-1]) == "db2: power-cycling both database nodes, this one first"


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("event=postgres-role role=standby up=12.34", (("postgres-role", "standby"),)),
        ("event=replication state=catching-up up=12.34", (("replication", "catching-up"),)),
        ("event=postgres-accepting up=12.34", (("postgres", "accepting"),)),
        ("event=rejoined how=rewind up=12.34", ()),
    ],
)
def test_the_events_of_its_nodes_are_read(line: str, changes: tuple[tuple[str, str], ...]) -> None:
    event = parse_log_line(Role.DATABASE, line, RecordedStreaming())
    assert (event.changes, event.up) == (changes, 12.34)


def test_a_recorded_primary_whose_server_has_died_is_still_the_primary() -> None:
    recorded = {Aspect.DATABASE_ADDRESS: "held", "postgres-role": "none"}
    assert DESIGN.recorded_state("db1", reachable=True, recorded=recorded).role == "primary"
    assert DESIGN.recorded_state("db2", reachable=True, recorded={"postgres-role": "none"}).role == ""


def test_replication_is_healthy_when_both_nodes_replicate() -> None:
    recorded = RecordedStreaming()
    assert recorded.is_replicated({"db1": {"replication": "streaming"}, "db2": {"replication": "streaming"}})
    assert not recorded.is_replicated({"db1": {"replication": "catching-up"}, "db2": {"replication": "streaming"}})


@pytest.mark.parametrize("fault", ["disk-error", "disk-corruption", "disk-full"])
def test_a_fault_of_another_design_is_refused_in_one_line(fault: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_fault(fault, "db:primary", {}, CLUSTER_OF_STREAMING)
    assert str(refused.value) == (
        f"{fault} is impossible on db:primary: it is a fault of the database design drbd, and this cluster has "
        "streaming; choose another fault, or bring up a cluster of the design drbd"
    )
    check_fault(fault, "db:primary", {}, DEFAULT_TOPOLOGY)


@pytest.mark.parametrize("fault", ["power-loss", "cable-pull", "freeze"])
def test_the_faults_of_every_design_are_not(fault: str) -> None:
    check_fault(fault, "db:primary", {}, CLUSTER_OF_STREAMING)


def test_repairs_that_it_cannot_make_are_refused_with_the_reason() -> None:
    db1 = cast("Machine", SimpleNamespace(name="db1"))
    with pytest.raises(
        UsageError, match="the database design streaming cannot resolve split brains: a node that becomes"
    ):
        DESIGN.must_resolve_split_brains()
    with pytest.raises(UsageError, match="the database design streaming cannot compare the copies: the two copies"):
        DESIGN.compare_copies(db1, repair=False)
    assert DESIGN.compare_as_daily(db1, 1.0) is None
    assert DESIGN.why_no_backup


def test_an_incident_without_a_block_for_its_profile_expects_the_same_as_of_the_reference() -> None:
    incident = load(CLUSTER.parents[1] / "incidents" / "app-php-worker-killed-busy.yaml")
    assert incident.expected("reference").known_failures
    assert incident.expected("streaming") == incident.expected("reference")
