"""A pool whose application has a health check of its own, and is a container image, on one balancer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from balancer_site import BOOT, ENVIRONMENT, Site
from single_image import DockerContainer, Images, Networks, first_octets, wait_ready
from testbed import applications, topology
from testbed import settings as configuration
from testbed.application_folder.folder_writer import write_folder
from testbed.cluster import secrets
from testbed.cluster.shape import Shape
from testbed.topology import Topology

# As the hardened profile has it.
MEMBER_CHECK = "hcmethod=GET hcuri=/alive hcinterval=1 hcpasses=1 hcfails=1"
# The webmail's port, and the application's. Only the application has the pages of its health checks.
MEMBER = """
mkdir -p /tmp/www/horde /tmp/notes && cd /tmp/www && echo webmail >horde/index.html && echo alive >alive
(exec python3 -m http.server 8081 >/dev/null 2>&1) &
cd /tmp/notes && echo notes >page && echo fine >first && echo fine >second && exec python3 -m http.server 8091
"""


def describe(folder: Path, health: str) -> Topology:
    """The shipped cluster with the application ``notes``."""
    if not folder.exists():
        write_folder("notes", "image", folder, 8091, "debian-notes")
    settings, shape = configuration.load(), Shape(applications=(str(folder),))
    design = topology.load(shape.files(settings), shape.environment(settings), {})
    notes = design.applications["notes"].model_copy(update={"health": health})
    return replace(design, applications={**design.applications, "notes": notes})


def take_up(state: Path, design: Topology) -> None:
    """Write what balancers read."""
    for name, text in applications.balancer_files(design).items():
        draft = state / "nodes" / "lb" / f".{name}.new"
        draft.write_text(text)
        draft.replace(draft.with_name(name))


@pytest.fixture
def state(tmp_path: Path, images: Images) -> Path:
    """The nodes' folders."""
    assert images.prefix
    design = describe(tmp_path / "notes", "/first")
    secrets.ensure(tmp_path / "state", design)
    take_up(tmp_path / "state", design)
    return tmp_path / "state"


@pytest.fixture
def member(containers: Images, networks: Networks) -> DockerContainer:
    """An app node's stand-in."""
    return containers.start(
        "client", networks.backend, aliases=("app",), name=f"{networks.project}-app-1", entrypoint="sh",
        command=["-c", MEMBER],
    )  # fmt: skip


@pytest.fixture
def balancer(containers: Images, networks: Networks, member: DockerContainer, state: Path) -> DockerContainer:
    """A balancer with active checks."""
    assert member.get_container_id()
    public = first_octets(networks.public)
    of_networks = {"PUBLIC": public, "BACKEND": first_octets(networks.backend), "SITE_ADDRESS": f"{public}250"}
    environment = {"PROJECT": networks.project, **ENVIRONMENT, **of_networks, "MEMBER_CHECK": MEMBER_CHECK}
    images = Images(containers.prefix, state, containers.stack)
    balancer = images.start(
        "lb", networks.public, node="lb", environment=environment, entrypoint="sh", command=["-c", BOOT]
    )
    networks.backend.connect(str(balancer.get_wrapped_container().id))
    return balancer


def test_a_pool_has_its_applications_health_check(
    balancer: DockerContainer, member: DockerContainer, networks: Networks, state: Path, tmp_path: Path
) -> None:
    site = Site(f"{first_octets(networks.public)}250", str(state / "nodes/client/ca.crt"))
    wait_ready(balancer, site.serves, "a page by way of the site's address")

    def asked() -> str:
        out, errors = member.get_logs()
        return (out + errors).decode()

    answer = site.get("/notes/page")
    assert (answer.status_code, answer.text) == (200, "notes\n"), "the application sees /page"
    assert answer.headers["X-App-Node"] == "app-1", "the balancer names the node"
    assert "X-App-Node" not in site.get("/horde/").headers
    assert site.get("/notes").headers["Location"].endswith("/notes/")
    assert site.get("/alive/notes").text == "fine\n"
    wait_ready(balancer, lambda: '"GET /first HTTP/1.0" 200' in asked(), "the health check")
    assert "/alive" not in asked()

    take_up(state, describe(tmp_path / "notes", "/second"))
    wait_ready(balancer, lambda: '"GET /second HTTP/1.0" 200' in asked(), "the changed health check")
    assert site.get("/notes/page").status_code == 200

    take_up(state, describe(tmp_path / "notes", "/missing"))
    wait_ready(balancer, lambda: site.get("/notes/page").status_code == 503, "an application that fails its check")
    assert site.get("/horde/").status_code == 200, "other applications serve"
