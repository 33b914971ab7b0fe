"""An application that is a container image, on one app node: its program runs there as Docker would run it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from docker.errors import DockerException

from single_image import APP_ENVIRONMENT, DockerContainer, Images, Networks, address, run, wait_ready
from testbed import applications, topology
from testbed import settings as configuration
from testbed.application_folder.folder_writer import write_folder
from testbed.cluster import application_images, secrets
from testbed.cluster.shape import Shape
from testbed.errors import UsageError
from testbed.host import engine
from testbed.topology import Topology

NAME = "image-program-test"
PORT = 8091
# It writes its log as a user who is not root, counts requests in its state, and shows what it was given.
SERVER = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        count = Path(os.environ["STATE_FOLDER"], "count")
        count.write_text(str(int(count.read_text()) + 1 if count.exists() else 1))
        shown = {
            "path": self.path, "count": int(count.read_text()), "uid": os.getuid(), "groups": sorted(os.getgroups()),
            "folder": os.getcwd(), "environment": dict(os.environ), "version": VERSION, "root": os.listdir("/testbed"),
            "secrets": os.path.exists("/etc/testbed"),
            "hosts": Path("/etc/hosts").read_text(),
        }
        self.send_response(503 if self.path == "/bad" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(shown).encode())

    def log_message(self, text, *values):
        with open("/dev/stdout", "w") as log:
            log.write("notes: " + text % values + chr(10))

HTTPServer(("0.0.0.0", int(os.environ["LISTEN_PORT"])), Handler).serve_forever()
"""
DOCKERFILE = """
FROM {base}
RUN useradd --uid 1234 notes && groupadd --gid 777 more && usermod --append --groups more notes
COPY server.py /srv/notes/
ENV HELLO="a b=c" LISTEN_PORT=1
USER notes
WORKDIR /srv/notes
VOLUME /data
ENTRYPOINT ["python3"]
CMD ["server.py"]
"""


def build(base: str, version: int) -> None:
    """Build the image of the application."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in (("Dockerfile", DOCKERFILE.format(base=base)), ("server.py", f"VERSION = {version}{SERVER}")):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    content.seek(0)
    engine.client().images.build(fileobj=content, custom_context=True, tag=NAME, rm=True)


@pytest.fixture(scope="module")
def image(images: Images) -> Iterator[str]:
    """The image of the application, removed after the tests."""
    base = f"{images.prefix}/client"
    build(base, 1)
    yield base
    engine.client().images.remove(NAME, force=True)


def describe(folder: Path, **keys: object) -> Topology:
    """The shipped cluster with the application, whose keys may be replaced."""
    if not folder.exists():
        write_folder("notes", "image", folder, PORT, NAME)
    settings = configuration.load()
    shape = Shape(applications=(str(folder),))
    file = folder / "application.yaml"
    text = file.read_text().replace("      # environment: {", "      environment: {")
    for key, value in keys.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"      {key}: ")]
        place = lines.index(f"      port: {PORT}")
        text = "\n".join([*lines[:place], f"      {key}: {json.dumps(value)}", *lines[place:], ""])
    file.write_text(text)
    return topology.load(shape.files(settings), shape.environment(settings), {})


def take_up(state: Path, design: Topology) -> None:
    """Write what app nodes read, as `testbed up` does."""
    programs = application_images.programs(design)
    application_images.export(state, programs)
    applications.write(state, design, (), programs)
    application_images.delete_others(state, programs)


@pytest.fixture
def state(tmp_path: Path, image: str) -> Path:
    """The nodes' folders."""
    assert image
    design = describe(tmp_path / "notes")
    secrets.ensure(tmp_path / "state", design)
    take_up(tmp_path / "state", design)
    return tmp_path / "state"


@pytest.fixture
def node(containers: Images, networks: Networks, state: Path) -> DockerContainer:
    """An app node."""
    images = Images(containers.prefix, state, containers.stack)
    return images.start(
        "app", networks.backend, node="app", cap_add=["NET_ADMIN", "SYS_ADMIN"],
        environment={"PROJECT": networks.project, **APP_ENVIRONMENT}, security_opt=["apparmor=unconfined"],
    )  # fmt: skip


def ask(node: DockerContainer, networks: Networks, path: str = "/") -> dict[str, Any] | None:
    """What the application shows; None while it does not answer."""
    try:
        answer = requests.get(f"http://{address(node, networks.backend)}:{PORT}{path}", timeout=2)
    except requests.RequestException:
        return None
    shown: dict[str, Any] = answer.json()
    return shown


def answer(node: DockerContainer, networks: Networks) -> dict[str, Any]:
    """What the application shows as soon as it answers."""
    shown: dict[str, Any] = {}

    def answers() -> bool:
        shown.update(ask(node, networks) or {})
        return bool(shown)

    wait_ready(node, answers, "the image")
    return shown


def load(node: DockerContainer) -> None:
    """Have the node take up a changed table, as `testbed up` does."""
    run(node, "env", "APP_NODE=app-1", "applications")


def test_the_program_runs_as_docker_would_run_it(node: DockerContainer, networks: Networks) -> None:
    shown = answer(node, networks)
    assert (shown["uid"], shown["groups"], shown["folder"]) == (1234, [777, 1234], "/srv/notes")
    environment = shown["environment"]
    assert environment["HELLO"] == "a b=c"
    assert environment["LISTEN_PORT"] == str(PORT), "the value of the application block wins"
    assert environment["APP_NODE"] == "app-1"
    assert environment["HOME"] == "/home/notes"
    assert environment["STATE_FOLDER"] == "/testbed/state"
    assert "HORDE_DB_PASSWORD" not in environment
    assert not shown["secrets"], "the cluster's files are not shown"
    assert shown["hosts"].strip()
    wait_ready(node, lambda: b'notes: "GET / HTTP/1.1"' in node.get_logs()[0], "the program's log")


def test_files_survive_a_power_loss(node: DockerContainer, networks: Networks) -> None:
    before = answer(node, networks)["count"]
    run(node, "sh", "-c", "cd /var/lib/testbed-images/notes/*/srv/notes && echo kept >own")
    wrapped = node.get_wrapped_container()
    wrapped.kill()
    wrapped.start()
    assert answer(node, networks)["count"] == before + 1
    assert run(node, "sh", "-c", "cat /var/lib/testbed-images/notes/*/srv/notes/own").strip() == "kept"


def test_a_changed_image_replaces_the_program_and_keeps_the_state(
    node: DockerContainer, networks: Networks, state: Path, tmp_path: Path, image: str
) -> None:
    before = answer(node, networks)
    build(image, 2)
    take_up(state, describe(tmp_path / "notes"))
    load(node)
    wait_ready(node, lambda: (ask(node, networks) or {}).get("version") == 2, "the new image")
    after = answer(node, networks)
    assert after["count"] > before["count"]
    assert len(run(node, "ls", "/var/lib/testbed-images/notes").split()) == 1, "the old files are gone"
    assert len(list((state / application_images.FOLDER).iterdir())) == 1
    build(image, 1)


def test_shared_files_are_shown_when_they_are_mounted_later(
    node: DockerContainer, networks: Networks, state: Path, tmp_path: Path
) -> None:
    answer(node, networks)
    run(node, "sh", "-c", "mkdir -p /srv/shared && mount -t tmpfs tmpfs /srv/shared")
    take_up(state, describe(tmp_path / "notes", state="shared"))
    load(node)
    wait_ready(node, lambda: (ask(node, networks) or {}).get("count") == 1, "the application with shared files")
    assert run(node, "ls", "/srv/shared/notes").strip() == "count"
    run(node, "umount", "--lazy", "/srv/shared")
    run(node, "mount", "-t", "tmpfs", "tmpfs", "/srv/shared")
    run(node, "install", "-d", "-o", "1234", "/srv/shared/notes")
    assert answer(node, networks)["count"] == 1, "the new mount is seen without a restart"


def test_a_node_reports_its_health_checks(
    node: DockerContainer, networks: Networks, state: Path, tmp_path: Path
) -> None:
    answer(node, networks)
    assert "== application-health\nnotes 200 /\n" in run(node, "node-state")
    take_up(state, describe(tmp_path / "notes", health="/bad"))
    load(node)
    wait_ready(node, lambda: "notes 503 /bad\n" in run(node, "application-health"), "the other health check")
    take_up(state, describe(tmp_path / "notes", command="no-such-file"))
    load(node)
    wait_ready(node, lambda: "notes 0 /bad\n" in run(node, "application-health"), "an application that fails")
    wait_ready(node, lambda: b"can't open file" in node.get_logs()[0], "the program's complaint")


def test_an_application_that_is_gone_leaves_no_files(
    node: DockerContainer, networks: Networks, state: Path, tmp_path: Path
) -> None:
    count = answer(node, networks)["count"]
    design = describe(tmp_path / "notes")
    without = {name: each for name, each in design.applications.items() if name != "notes"}
    take_up(state, replace(design, applications=without))
    load(node)
    assert run(node, "find", "/var/lib/testbed-images", "-mindepth", "2") == ""
    assert ask(node, networks) is None
    assert int(run(node, "cat", "/var/lib/testbed/notes/count")) == count


def test_a_missing_image_is_named(tmp_path: Path, image: str) -> None:
    assert image
    design = describe(tmp_path / "notes", image="testbed.invalid/no-such-image")
    with pytest.raises(
        UsageError, match=r"there is no image 'testbed\.invalid/no-such-image', and it cannot be pulled: "
    ):
        application_images.programs(design)
    with pytest.raises(DockerException):
        engine.client().images.get("testbed.invalid/no-such-image")
