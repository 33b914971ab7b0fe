"""Fixtures of the tests of single images."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from single_image import Images, Networks, free_subnets, network_of_its_own
from testbed import applications, topology
from testbed import settings as configuration
from testbed.cluster import secrets
from testbed.cluster.shape import Shape
from testbed.host import engine

TESTED = ("app", "arbiter", "client", "db", "guest", "lb", "mail")


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    """The images, built before, and the secrets of a cluster that never runs."""
    settings = configuration.load()
    built = {tag.partition(":")[0] for image in engine.client().images.list() for tag in image.tags}
    if missing := [name for name in TESTED if f"{settings.images}/{name}" not in built]:
        pytest.fail(f"not built: {', '.join(missing)}; run `make build`", pytrace=False)
    shape = Shape()
    design = topology.load(shape.files(settings), shape.environment(settings), {})
    state = tmp_path_factory.mktemp("state")
    secrets.ensure(state, design)
    applications.write(state, design)
    with ExitStack() as unused:
        yield Images(settings.images, state, unused)


@pytest.fixture
def containers(images: Images, networks: Networks) -> Iterator[Images]:
    """The same, for the containers of one test; they end before their networks do."""
    assert networks.project
    with ExitStack() as stack:
        yield Images(images.prefix, images.state, stack)


@pytest.fixture
def networks() -> Iterator[Networks]:
    """Both networks, removed after the test."""
    project = f"image-{uuid.uuid4().hex[:8]}"
    free = free_subnets()
    with ExitStack() as stack:
        made = {name: stack.enter_context(network_of_its_own(f"{project}_{name}", free)) for name in Networks.NAMES}
        yield Networks(project, **made)
