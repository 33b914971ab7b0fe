"""The shape of a cluster, and what an overlay that only adds machines does to it."""

from __future__ import annotations

import pytest

from testbed import settings as configuration
from testbed import topology
from testbed.cluster.shape import Shape
from testbed.errors import UsageError
from testbed.incidents.locust_command import site_url
from testbed.topology import Role, Topology


def design(*overlays: str) -> Topology:
    settings = configuration.load({})
    shape = Shape(overlays)
    return topology.load(shape.files(settings), shape.environment(settings))


@pytest.mark.parametrize(
    ("has", "named", "gets"),
    [
        ((), (), ()),
        (("hardened",), (), ("hardened",)),
        (("hardened",), ("single",), ("hardened", "single")),
        (("single",), ("single",), ("single",)),
        (("single",), ("hardened",), ("hardened",)),
        ((), ("hardened", "single"), ("hardened", "single")),
    ],
)
def test_overlays_that_only_add_come_beside_the_others(
    has: tuple[str, ...], named: tuple[str, ...], gets: tuple[str, ...]
) -> None:
    assert Shape(has, sessions="database").with_overlays(named) == Shape(gets, sessions="database")


def test_the_single_server_changes_nothing_of_the_cluster() -> None:
    plain, beside = design(), design("single")
    assert {name: node for name, node in beside.nodes.items() if node.role is not Role.SINGLE} == plain.nodes
    assert beside.sites == {"cluster": "webmail.testbed.test", "single": "single.testbed.test"}
    assert design("hardened", "single").profile == "hardened"


def test_a_site_that_is_not_there_is_refused() -> None:
    assert site_url(design("single"), "single") == "https://single.testbed.test"
    with pytest.raises(UsageError, match="the cluster has no site 'single'"):
        site_url(design(), "single", where="--site")


def test_up_arguments_bring_up_the_same_shape() -> None:
    shape = Shape(("hardened", "single", "bench"), (("app", 3),), sessions="database", filesystem="xfs")
    assert " ".join(shape.up_arguments()) == (
        "--overlay hardened --overlay single --scale app=3 --sessions database --filesystem xfs"
    )
    assert Shape().up_arguments() == ["--sessions", "files"]
    assert Shape(applications=("/srv/notes",)).up_arguments() == ["--app", "/srv/notes", "--sessions", "files"]
