"""The overlay `openbsd` over the shipped cluster, through Compose's own merge."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from testbed import topology
from testbed.cluster.shape import Shape
from testbed.settings import Settings, load
from testbed.topology import Node, Role, Topology
from testbed.topology.compose import merge


@pytest.fixture(scope="module")
def settings() -> Settings:
    # The recordings name root's folder of sockets, whatever user runs the tests.
    return load({"TESTBED_RUN": "/run/testbed"}, Path(__file__).parent)


def design(settings: Settings, *overlays: str, accel: str = "tcg") -> Topology:
    files = Shape(overlays, (), accel).files(settings)
    return topology.load(files, settings.compose_environment(accel))


def balancers(settings: Settings, *overlays: str) -> list[Node]:
    return design(settings, *overlays).of_role(Role.BALANCER)


def test_it_changes_the_balancers_alone(settings: Settings) -> None:
    plain, other = design(settings).nodes, design(settings, "openbsd").nodes
    assert [name for name in plain if plain[name] != other[name]] == ["lb1", "lb2"]
    for node in (other["lb1"], other["lb2"]):
        assert (node.keys.platform, node.keys.machine, node.image) == ("openbsd", "virtual", "testbed/lb-openbsd")


def test_a_balancer_keeps_its_place(settings: Settings) -> None:
    for before, after in zip(balancers(settings), balancers(settings, "openbsd"), strict=True):
        assert after.addresses == before.addresses
        assert before.environment.items() <= after.environment.items()


@pytest.mark.parametrize(("accel", "devices"), [("tcg", ["/dev/net/tun"]), ("kvm", ["/dev/net/tun", "/dev/kvm"])])
def test_what_its_container_is_given(settings: Settings, accel: str, devices: list[str]) -> None:
    files = Shape(("openbsd",), (), accel).files(settings)
    services = merge(files, settings.compose_environment(accel))["services"]
    for name in ("lb1", "lb2"):
        service = services[name]
        assert [each["source"] for each in service["devices"]] == devices
        volumes = {each["target"]: each["source"] for each in service["volumes"]}
        assert volumes == {
            "/etc/testbed": str(settings.state_dir / "nodes" / name),
            "/run/vm": str(settings.run_dir / settings.project / name),
            "/disk": f"{name}-disk",
        }
        assert {"NET_ADMIN", "NET_BIND_SERVICE"} <= set(service["cap_add"])
        assert service["environment"]["VM_ACCEL"] == accel


def test_the_image_has_the_settings_that_the_launcher_needs(settings: Settings) -> None:
    """The cards it names have an address each in the overlay's services, in the order of OpenBSD's vio0 and vio1."""
    text = (settings.root / "images/lb-openbsd/Dockerfile").read_text()
    assert 'VM_NICS="public backend"' in text
    assert 'VM_CONTROL="169.254.77.1/30"' in text
    for node in balancers(settings, "openbsd"):
        assert {"PUBLIC_ADDRESS", "BACKEND_ADDRESS"} <= node.environment.keys()
    overlay = YAML(typ="safe", pure=True).load((settings.root / "compose/openbsd.yaml").read_text())
    assert set(overlay["services"]) == {"lb1", "lb2"}
