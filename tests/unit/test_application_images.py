"""Applications that are container images: what is refused, and what nodes get to run them."""

from __future__ import annotations

import io
import json
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, ImageNotFound
from rich.console import Console
from test_topology import CLUSTER, merged

from testbed.application_folder.folder_writer import write_folder
from testbed.applications import ImageProgram, balancer_files, write
from testbed.applications.servers import server_files
from testbed.cluster import Cluster, application_databases, application_images, lifecycle
from testbed.errors import UsageError
from testbed.host import engine
from testbed.progress import Progress
from testbed.topology import Topology, resolve

PROGRAMS = Path(__file__).parents[2] / "images" / "app" / "rootfs" / "usr" / "local" / "sbin"
PROGRAM = ImageProgram("abc123", ("/entry",), ("serve", "it's"), ("A=b c",), "notes", "/srv")


def with_notes(**keys: object) -> Topology:
    notes = {"kind": "image", "image": "debian-notes", "port": 80, "path": "/notes/", **keys}
    document = {**merged(), "x-testbed-mine": {"applications": {"notes": notes}}}
    return resolve(document, [CLUSTER])


def notes_file(**keys: object) -> dict[str, Any]:
    files = server_files(with_notes(**keys), {}, {"notes": PROGRAM})
    found: dict[str, Any] = json.loads(files["notes.json"])
    return found


def test_nodes_get_the_images_program() -> None:
    files = server_files(with_notes(), {}, {"notes": PROGRAM})
    assert "KIND='image'\n" in files["notes.env"]
    assert "IMAGE_ID='abc123'\n" in files["notes.env"]
    assert json.loads(files["notes.json"]) == {
        "id": "abc123", "entrypoint": ["/entry"], "command": ["serve", "it's"], "env": ["A=b c"], "environment": {},
        "user": "notes", "folder": "/srv", "state": "local",
    }  # fmt: skip


def test_the_block_replaces_command_and_environment() -> None:
    found = notes_file(command='run "a b"', environment={"LISTEN": "{PORT}", "SIZE": 4}, state="shared")
    assert found["command"] == ["run", "a b"]
    assert found["entrypoint"] == ["/entry"]
    assert found["environment"] == {"LISTEN": "{PORT}", "SIZE": 4}
    assert found["state"] == "shared"


@pytest.mark.parametrize(
    ("keys", "health"),
    [({}, "/notes/"), ({"strip_path": True}, "/"), ({"health": "/up?full=1", "strip_path": True}, "/up?full=1")],
)
def test_the_health_check_asks_for_the_applications_page(keys: dict[str, Any], health: str) -> None:
    topology = with_notes(**keys)
    files = balancer_files(topology)
    assert f'RewriteRule "^/alive/notes$" "balancer://notes{health}" [P,L]\n' in files["dispatch.conf"]
    assert f"HEALTH='{health}'\n" in server_files(topology, {}, {"notes": PROGRAM})["notes.env"]
    lines = files["pools.conf"].splitlines()
    place = lines.index('<Proxy "balancer://notes">')
    assert lines[place - 1] == f'Define MEMBER "${{EVERY_MEMBER}} hcuri={health}"'
    assert lines[lines.index("</Proxy>", place) + 1] == 'Define MEMBER "${EVERY_MEMBER}"'
    assert files["pools.conf"].count("hcuri") == 1, "other pools keep MEMBER_CHECK"


def test_any_kind_may_have_a_health_check_of_its_own() -> None:
    document = merged()
    document["x-testbed"]["applications"]["wiki"]["health"] = "/wiki/doku.php"
    topology = resolve(document, [CLUSTER])
    assert "HEALTH='/wiki/doku.php'\n" in server_files(topology)["wiki.env"]
    assert "HEALTH=''\n" in server_files(topology)["files.env"], "its server is not asked twice"


def test_the_balancer_takes_the_path_off_and_names_the_node() -> None:
    text = balancer_files(with_notes(strip_path=True))["dispatch.conf"]
    assert 'ProxyPass "/notes/" "balancer://notes/"\n' in text
    assert 'ProxyPass "/files/" "balancer://files/files/"\n' in text
    assert 'Header setifempty X-App-Node "%{BALANCER_WORKER_ROUTE}e" "expr=reqenv(\'BALANCER_NAME\')' in text
    assert text.count("setifempty") == 1


class Images:
    """The images of an engine without a registry."""

    def __init__(self, **attributes: object) -> None:
        configuration = {"Entrypoint": None, "Cmd": ["serve"], "Env": None, "User": "", "WorkingDir": ""}
        self.image = SimpleNamespace(
            id="sha256:abc123", attrs={"Os": "linux", "Architecture": "amd64", "Config": configuration, **attributes}
        )
        self.pulled: list[str] = []

    def get(self, name: str) -> SimpleNamespace:
        if name != "debian-notes":
            raise ImageNotFound("no such image")
        return self.image

    def pull(self, name: str) -> SimpleNamespace:
        self.pulled.append(name)
        if name == "from-registry:latest":
            return self.image
        raise APIError("", explanation="first line\nGet https://registry/: no such host")


def with_engine(monkeypatch: pytest.MonkeyPatch, images: Images) -> None:
    container = SimpleNamespace(
        export=lambda chunk_size: iter([b"files ", b"of it"]),  # noqa: ARG005
        remove=lambda **_: None,
    )
    client = SimpleNamespace(
        images=images, version=lambda: {"Arch": "amd64"}, containers=SimpleNamespace(create=lambda *_, **__: container)
    )
    monkeypatch.setattr(engine, "client", lambda: client)


def test_an_image_of_the_engine_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with_engine(monkeypatch, images := Images())
    assert application_images.programs(with_notes()) == {"notes": ImageProgram("abc123", (), ("serve",), (), "", "")}
    assert images.pulled == []


def test_an_image_of_a_registry_is_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    with_engine(monkeypatch, images := Images())
    output = io.StringIO()
    found = application_images.programs(with_notes(image="from-registry"), Progress(Console(file=output, width=100)))
    assert found["notes"].identity == "abc123"
    assert images.pulled == ["from-registry:latest"]
    assert "pulling the image from-registry" in output.getvalue()


NOTHING_TO_RUN = {"Config": {"Entrypoint": None, "Cmd": None}}


@pytest.mark.parametrize(
    ("keys", "attributes", "message"),
    [
        (
            {"image": "r:5000/x"},
            {},
            "application notes: there is no image 'r:5000/x', and it cannot be pulled: Get https://registry/: no such",
        ),
        ({}, {"Architecture": "arm64"}, "the image 'debian-notes' is for linux/arm64; name an image for linux/amd64"),
        ({}, {"Os": "windows"}, "the image 'debian-notes' is for windows/amd64"),
        ({}, NOTHING_TO_RUN, "the image 'debian-notes' has neither an ENTRYPOINT nor a CMD; add `command:`"),
    ],
)
def test_an_image_that_cannot_run(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], attributes: dict[str, Any], message: str
) -> None:
    with_engine(monkeypatch, Images(**attributes))
    with pytest.raises(UsageError) as refusal:
        application_images.programs(with_notes(**keys))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_command_makes_up_for_an_image_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with_engine(monkeypatch, Images(**NOTHING_TO_RUN))
    assert application_images.programs(with_notes(command="serve"))["notes"].command == ()


def test_without_such_an_application_the_engine_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "client", lambda: pytest.fail("the engine was asked"))
    assert application_images.programs(resolve(merged(), [CLUSTER])) == {}


def test_files_are_exported_once_and_old_ones_are_deleted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_engine(monkeypatch, Images())
    topology, wanted = with_notes(), {"notes": PROGRAM}
    (tmp_path / "nodes" / "lb").mkdir(parents=True)
    application_images.export(tmp_path, wanted)
    archive = tmp_path / application_images.FOLDER / "abc123.tar"
    assert archive.read_bytes() == b"files of it"
    assert archive.stat().st_mode & 0o777 == 0o600
    assert write(tmp_path, topology, (), wanted)
    archive.write_bytes(b"as before")
    application_images.export(tmp_path, wanted)
    assert archive.read_bytes() == b"as before"
    application_images.delete_others(tmp_path, {})
    assert not archive.exists()


@pytest.mark.parametrize(("keys", "made"), [({"database": True}, [True]), ({}, [])])
def test_a_database_is_there_before_its_application_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, Any], made: list[bool]
) -> None:
    states = [SimpleNamespace(databases=[SimpleNamespace(serving=serving)]) for serving in (False, True)]
    cluster = SimpleNamespace(
        topology=with_notes(**keys), shape=SimpleNamespace(accel="tcg"), state=lambda _: states.pop(0)
    )
    calls: list[bool] = []

    def ensure(_: object) -> list[str]:
        calls.append(not states)
        return []

    monkeypatch.setattr(application_databases, "ensure", ensure)
    lifecycle._make_databases_first(cast("Cluster", cluster), Progress(Console(quiet=True)))
    assert calls == made


@pytest.mark.parametrize(
    ("kind", "image", "port", "message"),
    [
        ("image", None, 8091, "--image: --kind image needs an image"),
        ("wsgi", "debian", 8091, "--image: --kind wsgi has no image"),
        ("image", "De bian", 8091, "--image: 'De bian' cannot be the name of an image"),
        ("image", "debian\n", 8091, "cannot be the name of an image"),
        ("image", "registry/a//b", 8091, "cannot be the name of an image"),
        ("image", "https://registry/a", 8091, "cannot be the name of an image"),
        ("image", "a:1:2", 8091, "cannot be the name of an image"),
        ("wsgi", None, 80, "--port: port 80 is below 1024"),
    ],
)
def test_a_folder_is_refused(tmp_path: Path, kind: str, image: str | None, port: int, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        write_folder("notes", kind, tmp_path / "notes", port, image)
    assert message in str(refusal.value)
    assert not (tmp_path / "notes").exists()


def program(name: str) -> ModuleType:
    """A program of the app nodes."""
    loader = SourceFileLoader(name.replace("-", "_"), str(PROGRAMS / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


PASSWD = "root:x:0:0:root:/root:/bin/sh\nnotes:x:1234:1235::/home/notes:/bin/sh\nbroken\n"
GROUP = "root:x:0:\nnotes:x:1235:\nmore:x:777:other,notes\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", (0, 0, [0], "/root")),
        ("notes", (1234, 1235, [777, 1235], "/home/notes")),
        ("1234", (1234, 1235, [777, 1235], "/home/notes")),
        ("notes:more", (1234, 777, [777], "/home/notes")),
        ("notes:55", (1234, 55, [55], "/home/notes")),
        ("999", (999, 0, [0], "/")),
        ("999:more", (999, 777, [777], "/")),
    ],
)
def test_the_user_is_the_images(tmp_path: Path, text: str, found: tuple[int, int, list[int], str]) -> None:
    (tmp_path / "passwd").write_text(PASSWD)
    (tmp_path / "group").write_text(GROUP)
    assert tuple(program("run-image").find_user(text, tmp_path)) == found


@pytest.mark.parametrize(("text", "message"), [("stranger", "no user 'stranger'"), ("notes:none", "no group 'none'")])
def test_a_user_that_the_image_lacks(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "passwd").write_text(PASSWD)
    with pytest.raises(LookupError, match=message):
        program("run-image").find_user(text, tmp_path)


def test_the_users_own_variables_win_and_braces_are_replaced() -> None:
    own = {"PORT": "80", "PGPASSWORD": "secret", "APP_NODE": "app-1"}
    settings = {
        "env": ["PATH=/bin", "PORT=1", "KEEP=a=b"],
        "environment": {"URL": "pg://u:{PGPASSWORD}@db", "JSON": '{"a": {NONE}}', "KEEP": 7},
    }
    assert program("run-image").environment_of(settings, own, "/root") == {
        "PATH": "/bin", "HOME": "/root", "HOSTNAME": "app-1", "PORT": "80", "KEEP": "7", "PGPASSWORD": "secret",
        "APP_NODE": "app-1", "URL": "pg://u:secret@db", "JSON": '{"a": {NONE}}',
    }  # fmt: skip


def test_a_link_in_an_image_leads_to_no_folder_of_the_node(tmp_path: Path) -> None:
    inside = program("unpack-image").inside
    (tmp_path / "proc").symlink_to("/etc")
    with pytest.raises(OSError, match="is a symbolic link"):
        inside(tmp_path, "proc")
    assert inside(tmp_path, "testbed", "volume").is_dir()
