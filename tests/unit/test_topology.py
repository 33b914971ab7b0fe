"""The topology: what the shipped Compose file says, and how mistakes in one are told."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.errors import UsageError
from testbed.topology import Role, resolve
from testbed.topology.schema import schema

CLUSTER = Path(__file__).parents[2] / "compose" / "cluster.yaml"


def merged() -> dict[str, Any]:
    """The Compose file as `docker compose config` would print it, as far as testbed reads it."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", CLUSTER.read_text())
    document: dict[str, Any] = yaml.safe_load(text.replace("${COMPOSE_PROJECT_NAME}", "testbed"))
    return copy.deepcopy(document)  # anchors are shared objects: a change in one service must not reach another


def refused(document: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        resolve(document, [CLUSTER])
    assert caught.value.exit_status == 2
    message = str(caught.value)
    assert "\n" not in message
    return message


def line_of(text: str, after: str = "") -> int:
    source = CLUSTER.read_text()
    position = source.index(text, source.index(after))
    return source.count("\n", 0, position) + 1


def test_shipped_cluster_is_the_2006_design() -> None:
    topology = resolve(merged(), [CLUSTER])
    assert [node.name for node in topology.of_role(Role.BALANCER)] == ["lb1", "lb2"]
    assert [node.name for node in topology.of_role(Role.DATABASE)] == ["db1", "db2"]
    assert set(topology.networks) == {"public", "backend", "replication"}
    assert topology.database.filesystem == "ext3"
    assert topology.nodes["app"].scale == 2
    assert topology.nodes["app"].scalable
    assert not topology.nodes["db1"].scalable
    assert topology.nodes["db1"].keys.machine == "virtual"


def test_only_the_balancers_stand_on_both_sides() -> None:
    topology = resolve(merged(), [CLUSTER])
    both = {name for name, node in topology.nodes.items() if {"public", "backend"} <= set(node.addresses)}
    assert both == {"lb1", "lb2"}


@pytest.mark.parametrize("name", ["x-testbed", "x-testbed-mine"])
@pytest.mark.parametrize(("block", "kind"), [("reference", "str"), (["reference"], "list")])
def test_a_block_that_holds_no_keys_is_refused(name: str, block: object, kind: str) -> None:
    message = refused({**merged(), name: block})
    assert f"{name}: a {kind} where keys belong; write keys below it" in message


def test_unknown_key_is_told_with_its_line_and_the_known_ones() -> None:
    document = merged()
    document["services"]["lb1"]["x-testbed"] = {"rolle": "balancer"}
    message = refused(document)
    assert message.startswith(f"cluster.yaml:{line_of('x-testbed', after='  lb1:')}: services.lb1.x-testbed")
    document = merged()
    document["x-testbed"]["database"]["filesystm"] = "ext4"
    message = refused(document)
    assert "x-testbed.database.filesystm: unknown key 'filesystm'" in message
    assert "known keys here: address, network, filesystem" in message


@pytest.mark.parametrize(
    ("key", "value"), [("filesystem", "fat"), ("address", "198.18.1.300"), ("network", ["backend"])]
)
def test_malformed_value_is_told_with_its_line(key: str, value: object) -> None:
    document = merged()
    document["x-testbed"]["database"][key] = value
    message = refused(document)
    assert message.startswith(f"cluster.yaml:{line_of(f'    {key}:', after='  database:')}: x-testbed.database.{key}: ")


def test_missing_block_is_told() -> None:
    document = merged()
    del document["x-testbed"]["site"]
    assert "x-testbed.site: key 'site' is missing" in refused(document)


def test_two_nodes_with_one_address() -> None:
    document = merged()
    document["services"]["mail"]["networks"]["backend"]["ipv4_address"] = "198.18.1.21"
    message = refused(document)
    assert "198.18.1.21 is already the address of" in message
    assert re.match(r"cluster\.yaml:\d+: services\.", message)


def test_address_outside_its_network() -> None:
    document = merged()
    document["services"]["mail"]["networks"]["backend"]["ipv4_address"] = "198.18.7.30"
    assert "198.18.7.30 is not in backend (198.18.1.0/24)" in refused(document)


def test_virtual_address_that_is_somebodys_own() -> None:
    document = merged()
    document["x-testbed"]["database"]["address"] = "198.18.1.22"
    assert "198.18.1.22 is the fixed address of db2" in refused(document)


def test_virtual_address_on_an_unknown_network() -> None:
    document = merged()
    document["x-testbed"]["site"]["network"] = "internet"
    assert "no network 'internet'; the networks are" in refused(document)


def test_equal_skews_would_make_both_master() -> None:
    document = merged()
    document["services"]["db2"]["environment"]["CARP_ADVSKEW"] = "0"
    assert "db1 and db2 have the same CARP_ADVSKEW 0" in refused(document)


def test_a_cluster_has_two_balancers() -> None:
    document = merged()
    del document["services"]["lb2"]
    assert "1 services have the role balancer; a reference cluster has 2" in refused(document)


def test_a_service_without_keys_is_no_part_of_the_cluster() -> None:
    document = merged()
    document["services"]["adminer"] = {"image": "adminer", "networks": {"backend": None}}
    assert "adminer" not in resolve(document, [CLUSTER]).nodes


def test_published_schema_is_current() -> None:
    published = yaml.safe_load((CLUSTER.parent / "x-testbed.schema.json").read_text())
    assert published == schema(), "run `make schema`"


@pytest.mark.parametrize("address", ["198.18.0.300", "here"])
def test_an_address_that_is_none(address: str) -> None:
    document = merged()
    document["services"]["mail"]["networks"]["backend"]["ipv4_address"] = address
    assert "services.mail.networks.backend.ipv4_address: " in refused(document)


def test_a_subnet_that_is_none() -> None:
    document = merged()
    document["networks"]["backend"]["ipam"] = {"config": [{"subnet": "198.18.1.1/24"}]}
    assert "networks.backend.ipam.config: 198.18.1.1/24 has host bits set" in refused(document)


def test_a_fixed_address_on_a_network_without_a_subnet() -> None:
    document = merged()
    document["networks"]["replication"] = {"name": "testbed_replication"}
    assert "replication has no subnet of its own" in refused(document)
