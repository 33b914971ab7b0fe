"""The balancer's image: TLS, a pool of static servers, and sessions that stay with the member they began with."""

from __future__ import annotations

import pytest
import requests

from balancer_site import BOOT, ENVIRONMENT, Site
from single_image import DockerContainer, Images, Networks, first_octets, wait_ready

# A static page that names its member.
MEMBER = "mkdir -p /tmp/www/horde && cd /tmp/www && echo {0} >horde/index.html && exec python3 -m http.server 8081"


@pytest.fixture
def members(containers: Images, networks: Networks) -> dict[str, DockerContainer]:
    """Two static servers, named as app nodes are."""
    return {
        name: containers.start(
            "client", networks.backend, aliases=("app",), name=f"{networks.project}-{name}", entrypoint="sh",
            command=["-c", MEMBER.format(name)],
        )
        for name in ("app-1", "app-2")
    }  # fmt: skip


@pytest.fixture
def site(containers: Images, networks: Networks, members: dict[str, DockerContainer]) -> Site:
    """The site, at the virtual address of a balancer with these members."""
    assert members
    public = first_octets(networks.public)
    of_networks = {"PUBLIC": public, "BACKEND": first_octets(networks.backend), "SITE_ADDRESS": f"{public}250"}
    balancer = containers.start(
        "lb", networks.public, node="lb", environment={"PROJECT": networks.project, **ENVIRONMENT, **of_networks},
        entrypoint="sh", command=["-c", BOOT],
    )  # fmt: skip
    networks.backend.connect(str(balancer.get_wrapped_container().id))
    site = Site(of_networks["SITE_ADDRESS"], str(containers.state / "nodes/client/ca.crt"))
    wait_ready(balancer, site.serves, "a page by way of the site's address")
    return site


def test_both_members_serve_and_a_session_stays_with_its_own(site: Site) -> None:
    pages = [site.get("/horde/") for _ in range(12)]
    assert {page.headers["X-Balancer"] for page in pages} == {"lb1"}
    assert {page.text.strip() for page in pages} == {"app-1", "app-2"}
    for page in pages[:2]:
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        assert cookie == f"ROUTEID=.{page.text.strip()}"
        assert {site.get("/horde/", cookie).text for _ in range(6)} == {page.text}


def test_the_session_of_a_dead_member_moves(site: Site, members: dict[str, DockerContainer]) -> None:
    members["app-2"].get_wrapped_container().kill()
    answers = [site.get("/horde/", "ROUTEID=.app-2") for _ in range(3)]
    assert [(answer.status_code, answer.text.strip()) for answer in answers] == [(200, "app-1")] * 3


def test_without_tls_a_browser_is_sent_to_https(site: Site) -> None:
    answer = requests.get(
        f"http://{site.address}/horde/", headers={"Host": "webmail.testbed.test"}, timeout=5, allow_redirects=False
    )
    assert answer.status_code in (301, 302)
    assert answer.headers["Location"] == "https://webmail.testbed.test/horde/"


def test_the_manager_is_not_served_to_clients(site: Site) -> None:
    assert site.get("/balancer-manager").status_code in (403, 404)
