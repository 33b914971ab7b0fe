"""Folders of applications outside the checkout: what `testbed app new` writes, and what `testbed up --app` takes up."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from test_topology import CLUSTER, merged, refused
from typer.testing import CliRunner

from testbed import settings as configuration
from testbed.application_folder.folder_writer import write_folder
from testbed.applications.folders import applications_of, copy_code
from testbed.applications.tree import write
from testbed.cli import application_folder
from testbed.cluster.shape import Shape, remember, remembered
from testbed.cluster.up_options import UpOptions
from testbed.errors import UsageError
from testbed.incidents import load
from testbed.topology import Topology, resolve
from testbed.wait import wait_until

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"


def with_folder(folder: Path) -> Topology:
    overlay = YAML(typ="safe", pure=True).load((folder / "application.yaml").read_text())
    return resolve({**merged(), **overlay}, [CLUSTER, folder / "application.yaml"])


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return write_folder("notes", "wsgi", tmp_path / "notes", 8091)


@pytest.mark.parametrize("kind", ["wsgi", "php", "command", "image"])
def test_a_new_folder_is_sound(tmp_path: Path, kind: str) -> None:
    image = "localhost:5000/debian-notes:1" if kind == "image" else None
    folder = write_folder("notes", kind, tmp_path / "elsewhere", 8091, image)
    topology = with_folder(folder)
    assert topology.applications["notes"].kind == kind
    assert list(topology.probes) == ["notes"]
    [file] = (folder / "incidents").glob("*.yaml")
    assert load(file, topology).load.locustfile == str(folder / "locustfile.py")
    compile((folder / "locustfile.py").read_text(), "locustfile.py", "exec")
    assert topology.applications["notes"].image == image
    assert (folder / "code").exists() == (kind != "image")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Notes", "'Notes' cannot be a name"),
        ("null", "'null' cannot be a name"),
        ("wiki", "the cluster has an application 'wiki'"),
        ("here", "exists"),
    ],
)
def test_a_folder_that_cannot_be_written(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "here").mkdir()
    with pytest.raises(UsageError, match=message):
        write_folder(name, "wsgi", tmp_path / name, 8091)
    assert list((tmp_path / "here").iterdir()) == []


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    shape = Shape(applications=(str(tmp_path / "notes"),))
    with pytest.raises(UsageError, match=r"notes: the folder of an application .* is gone; .* `testbed up --app none`"):
        shape.files(configuration.load())


@pytest.mark.parametrize("folder", ["file/new", f"{'n' * 300}"])
def test_a_folder_that_the_system_refuses(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"--folder: .* cannot be made: .*; name a folder that you may write"):
        write_folder("notes", "wsgi", tmp_path / folder, 8091)


def test_printed_commands_can_be_typed(tmp_path: Path) -> None:
    folder = tmp_path / "my [notes]"
    result = CliRunner().invoke(application_folder.app, ["new", "notes", "--folder", str(folder)])
    assert f"testbed up --app '{folder}'\n" in result.output


def test_the_example_is_sound() -> None:
    topology = with_folder(SHOP)
    assert topology.read_backs() == {"shop": {"url": "/shop/tokens"}}
    assert applications_of(SHOP) == ["shop"]
    incidents = sorted((SHOP / "incidents").glob("*.yaml"))
    assert len(incidents) == 2
    for file in incidents:
        assert load(file, topology).name == file.stem


def test_a_running_cluster_takes_up_folders(notes: Path, tmp_path: Path) -> None:
    settings = configuration.load({"TESTBED_STATE": str(tmp_path / "state")}, ROOT)
    now = Shape(overlays=("hardened",))
    wanted = UpOptions(applications=(str(notes),))
    shape = wanted.shape(settings, now)
    wanted.must_fit(settings, now, shape)
    assert shape.files(settings)[-1] == notes / "application.yaml"
    remember(settings, shape)
    assert remembered(settings) == shape
    assert UpOptions().shape(settings, shape).applications == (str(notes),)
    assert UpOptions(applications=("none", str(SHOP))).shape(settings, shape).applications == (str(SHOP),)
    with pytest.raises(UsageError, match=r"--app: .* has no application.yaml; `testbed app new NAME`"):
        UpOptions(applications=(str(tmp_path),)).shape(settings, now)


def test_code_is_copied_and_a_change_restarts_the_application(notes: Path, tmp_path: Path) -> None:
    topology, state = with_folder(notes), tmp_path / "state"
    (state / "nodes" / "lb").mkdir(parents=True)
    (notes / "code" / "__pycache__").mkdir()
    (notes / "code" / "__pycache__" / "x.pyc").write_bytes(b"\0")
    assert write(state, topology, [notes])
    code = state / "nodes" / "app" / "code" / "notes"
    assert sorted(path.name for path in code.rglob("*")) == ["application.py"]
    assert (code / "application.py").stat().st_mode & 0o444 == 0o444
    settings = state / "nodes" / "app" / "applications" / "notes.env"
    before = settings.read_text()
    assert not write(state, topology, [notes]), "nothing has changed"
    (notes / "code" / "application.py").write_text("# another\n")
    assert write(state, topology, [notes])
    assert (code / "application.py").read_text() == "# another\n"
    assert settings.read_text() != before
    assert copy_code([], state / "nodes" / "app" / "code") == {}
    assert not code.exists(), "an application that is gone leaves no code"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"kind": "command"}, "its kind is command, and it has no command"),
        ({"kind": "wsgi", "command": "x"}, "n.command: its kind is wsgi; leave command out, or make it kind: command"),
        ({"kind": "command", "command": "echo 'x'"}, "command cannot be"),
        ({"kind": "image"}, "its kind is image, and it has no image"),
        ({"kind": "wsgi", "image": "debian"}, "n.image: its kind is wsgi; leave image out, or make it kind: image"),
        ({"kind": "wsgi", "strip_path": True}, "n.strip_path: its kind is wsgi"),
        ({"kind": "wsgi", "environment": {"A": "b"}}, "n.environment: its kind is wsgi"),
        ({"kind": "image", "image": "debian", "code": "n"}, "n.code: its kind is image"),
        ({"kind": "image", "image": "--rm"}, "image cannot be '--rm'"),
        ({"kind": "image", "image": "debian", "environment": {"A B": "b"}}, "n.environment."),
        ({"kind": "image", "image": "debian", "environment": {"DEBUG": True}}, "n.environment.DEBUG"),
        ({"kind": "image", "image": "debian", "health": "alive"}, "health cannot be 'alive'"),
        ({"kind": "wsgi", "health": "/a'"}, "health cannot be"),
        ({"kind": "wsgi", "port": 80}, "n.port: port 80 is below 1024; choose a higher one"),
    ],
)
def test_a_key_belongs_to_its_kind(keys: dict[str, Any], message: str) -> None:
    document = {**merged(), "x-testbed-n": {"applications": {"n": {"port": 8091, "path": "/n/", **keys}}}}
    assert message in refused(document)


def test_the_new_server_counts_visits_in_a_session(tmp_path: Path) -> None:
    folder = write_folder("notes", "command", tmp_path / "notes", 8091)
    port = 18091
    variables = {"PORT": str(port), "URL_PATH": "/notes/", "APP_NODE": "app-7"}
    server = subprocess.Popen([sys.executable, "server.py"], cwd=folder / "code", env={**os.environ, **variables})
    try:

        def ask(path: str, cookie: str = "") -> tuple[str, str, str]:
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Cookie": cookie})
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return answer.read().decode(), answer.headers["X-App-Node"], answer.headers.get("Set-Cookie", "")

        def alive() -> bool:
            try:
                return ask("/alive")[0] == "alive\n"
            except OSError:
                return False

        wait_until(alive, 20, "the server", interval=0.1)
        text, node, cookie = ask("/notes/")
        session = SimpleCookie(cookie)["notes-session"].value
        assert (text, node) == ("1 visits\n", "app-7")
        assert ask("/notes/", f"notes-session={session}") == ("2 visits\n", "app-7", "")
    finally:
        server.terminate()
        server.wait(timeout=10)
