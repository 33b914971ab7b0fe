"""The topology: what the shipped Compose file has, and how mistakes in one are reported."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from testbed.errors import UsageError
from testbed.topology import Role, resolve
from testbed.topology.schema import schema

CLUSTER = Path(__file__).parents[2] / "compose" / "cluster.yaml"


def merged(file: Path = CLUSTER) -> dict[str, Any]:
    """The Compose file as `docker compose config` would print it, as far as testbed reads it."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", file.read_text())
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(text.replace("${COMPOSE_PROJECT_NAME}", "testbed"))
    return copy.deepcopy(document)  # anchors are shared objects: a change in one service must not reach another


def refused(document: dict[str, Any], file: Path = CLUSTER) -> str:
    """The error about a merged document, without the folder of the file that it names."""
    with pytest.raises(UsageError) as caught:
        resolve(document, [file])
    assert caught.value.exit_status == 2
    message = str(caught.value)
    assert "\n" not in message
    return re.sub(r"^\S*/", "", message)


def changed(folder: Path, old: str, new: str) -> tuple[dict[str, Any], Path]:
    """The shipped Compose file with a text replaced: as `docker compose config` would print it, and as a file."""
    text = CLUSTER.read_text()
    assert old in text
    file = folder / "cluster.yaml"
    file.write_text(text.replace(old, new, 1))
    return merged(file), file


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


def test_unknown_key_is_reported_with_its_line_and_the_known_ones() -> None:
    document = merged()
    document["services"]["lb1"]["x-testbed"] = {"rolle": "balancer"}
    message = refused(document)
    assert message.startswith(f"cluster.yaml:{line_of('x-testbed', after='  lb1:')}:")
    assert "services.lb1.x-testbed" in message
    document = merged()
    document["x-testbed"]["database"]["filesystm"] = "ext4"
    message = refused(document)
    assert "x-testbed.database.filesystm: unknown key 'filesystm'" in message
    assert "known keys here: address, network, filesystem" in message


@pytest.mark.parametrize(
    ("key", "value"), [("filesystem", "fat"), ("address", "198.18.1.300"), ("network", ["backend"])]
)
def test_malformed_value_is_reported_with_its_line(key: str, value: object) -> None:
    document = merged()
    document["x-testbed"]["database"][key] = value
    message = refused(document)
    line = line_of(f"    {key}:", after="  database:")
    assert re.match(rf"cluster\.yaml:{line}:\d+: x-testbed\.database\.{key}: ", message)


@pytest.mark.parametrize(
    ("old", "new", "place", "expected"),
    [
        ("&mail-users 60", "&mail-users yes", "16:12", "x-testbed.mail.users: users must be a whole number, not 'yes'"),
        (
            "&mail-users 60",
            "&mail-users true",
            "16:12",
            "x-testbed.mail.users: users must be a whole number, not 'true'",
        ),
        ("&mail-users 60", '&mail-users "60"', "16:12", "not '60'; write 60 without quotes"),
        (
            "&mail-users 60",
            "&mail-users 60.0",
            "16:12",
            "x-testbed.mail.users: users must be a whole number, not '60.0'",
        ),
        ("&mail-seed 2006", "&mail-seed 0777", "17:11", "'0777' is ambiguous"),
        ("&mail-seed 2006", "&mail-seed 2_006", "17:11", "'2_006' is ambiguous"),
        ("&mail-seed 2006", "&mail-seed 0b11", "17:11", "'0b11' is ambiguous"),
        ("over: 1048576", "over: 010", "47:41", "'010' is ambiguous"),
        ("x-testbed: {role: mail}", "x-testbed: {role: yes}", "", "x-testbed.role: 'yes' is not known here"),
        (
            "port: 8082",
            "port: '8082'",
            "34:13",
            "x-testbed.applications.wiki.port: port must be a whole number, not '8082'",
        ),
        ("profile: reference", "profile: on", "50:12", "x-testbed.profile: 'on' is not known here"),
    ],
)
def test_types_are_strict_and_the_message_quotes_what_is_written(
    tmp_path: Path, old: str, new: str, place: str, expected: str
) -> None:
    message = refused(*changed(tmp_path, old, new))
    assert message.startswith(f"cluster.yaml:{place}")
    assert expected in message


def test_a_variable_is_text_to_compose_and_what_it_holds_to_us() -> None:
    document = merged()
    document["x-testbed"]["sessions"]["padding"] = "64"
    assert resolve(document, [CLUSTER]).sessions.padding == 64
    document["x-testbed"]["sessions"]["padding"] = "a lot"
    message = refused(document)
    assert "padding must be a whole number, not 'a lot' (from '${TESTBED_SESSION_PADDING:-0}')" in message


def test_a_number_elsewhere_in_the_file_is_composes_affair(tmp_path: Path) -> None:
    document, file = changed(tmp_path, 'RETRY_SECONDS: "10"', "RETRY_SECONDS: 0010")
    assert resolve(document, [file]).nodes


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  mail:\n", "  mail: {}\n  mail:\n", "key 'mail' stands here twice, first on line 15"),
        ("profile: reference", "profile: [reference", "while parsing a flow sequence"),
        ("profile: reference", "profile: *reference", "found undefined alias 'reference'"),
        ("x-testbed:\n", "x-testbed:\n\t", "found character '\\t' that cannot start any token"),
    ],
)
def test_compose_files_are_read_as_incident_files_are(tmp_path: Path, old: str, new: str, expected: str) -> None:
    document, file = merged(), tmp_path / "cluster.yaml"
    file.write_text(CLUSTER.read_text().replace(old, new, 1))
    message = refused(document, file)
    assert re.match(r"cluster\.yaml:\d+:\d+: ", message)
    assert expected in message


def test_missing_block_is_reported() -> None:
    document = merged()
    del document["x-testbed"]["site"]
    assert "x-testbed.site: key 'site' is missing" in refused(document)


def test_two_nodes_with_one_address() -> None:
    document = merged()
    document["services"]["mail"]["networks"]["backend"]["ipv4_address"] = "198.18.1.21"
    message = refused(document)
    assert "198.18.1.21 is already the address of" in message
    assert re.match(r"cluster\.yaml:\d+:\d+: services\.", message)


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
    published = json.loads((CLUSTER.parent / "x-testbed.schema.json").read_text())
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


def test_a_topology_of_an_unknown_database_design_is_refused_with_the_known_ones() -> None:
    document = merged()
    document["x-testbed"]["database"]["design"] = "raft"
    assert "x-testbed.database.design: no database design 'raft'; the designs are drbd" in refused(document)


def test_a_topology_without_the_filesystem_of_its_design_is_refused() -> None:
    document = merged()
    del document["x-testbed"]["database"]["filesystem"]
    message = refused(document)
    assert "x-testbed.database: no filesystem for the volume of the database design drbd" in message
    assert "add filesystem: ext3 or ext4 or xfs or btrfs" in message


def test_the_number_of_arbiters_depends_on_the_profile() -> None:
    document = merged()
    document["x-testbed"]["profile"] = "hardened"
    assert "0 services have the role arbiter; a hardened cluster has 1" in refused(document)
