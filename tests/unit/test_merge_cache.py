"""What Compose made of the Compose files is kept, and only as long as it would make the same again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_topology import CLUSTER, merged

from testbed import topology
from testbed.errors import UsageError
from testbed.topology import Topology, compose
from testbed.topology.merge_cache import FILE, cached_merge
from testbed.yaml_source import Source

TEXT = "name: x\nservices:\n  a:\n    image: ${IMAGE:-debian}\n    environment: [ZONE]\n"


class Compose:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: dict[str, Any] = {"name": "x", "services": {"a": {"image": "debian", "scale": 2}}}

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        return self.answer


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "compose"
    folder.mkdir()
    (tmp_path / "state").mkdir()
    (folder / "cluster.yaml").write_text(TEXT)
    (folder / "over.yaml").write_text("services: {}\n")
    return [folder / "cluster.yaml", folder / "over.yaml"]


def ask(files: list[Path], compose: Compose, **environment: str) -> dict[str, Any]:
    return cached_merge(files, environment, files[0].parents[1] / "state", compose)


def test_compose_is_asked_once(files: list[Path]) -> None:
    compose = Compose()
    assert ask(files, compose) == ask(files, compose) == compose.answer
    assert compose.asked == 1


@pytest.mark.parametrize("name", ["IMAGE", "ZONE", "COMPOSE_PROJECT_NAME"])
def test_it_is_asked_again_when_a_variable_changes_that_it_reads(files: list[Path], name: str) -> None:
    compose = Compose()
    for value in ("1", "1", "2"):
        ask(files, compose, **{name: value})
    ask(files, compose)
    assert compose.asked == 3


def test_other_variables_change_nothing(files: list[Path]) -> None:
    compose = Compose()
    ask(files, compose, TERM="dumb")
    ask(files, compose, TERM="xterm")
    assert compose.asked == 1


def test_it_is_asked_again_when_a_file_changes_comes_or_goes(files: list[Path]) -> None:
    compose = Compose()
    ask(files, compose)
    files[1].write_text("services: {b: {image: x}}\n")
    ask(files, compose)
    ask(files[:1], compose)
    ask([files[1], files[0]], compose)
    (files[0].parent / ".env").write_text("IMAGE=other\n")
    ask([files[1], files[0]], compose)
    assert compose.asked == 5


@pytest.mark.parametrize("line", ["    env_file: a.env\n", "    extends: {file: b.yaml}\n", "include: [c.yaml]\n"])
def test_nothing_is_kept_of_files_that_take_in_others(files: list[Path], line: str) -> None:
    files[0].write_text(TEXT + line)
    compose = Compose()
    ask(files, compose)
    ask(files, compose)
    assert compose.asked == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', '{"merged": {}}'])
def test_a_damaged_cache_is_no_cache(files: list[Path], damage: str) -> None:
    compose = Compose()
    ask(files, compose)
    kept = files[0].parents[1] / "state" / FILE
    kept.write_text(damage)
    assert ask(files, compose) == compose.answer
    assert compose.asked == 2
    assert json.loads(kept.read_text())["merged"] == compose.answer


def test_what_json_cannot_hold_is_not_kept(files: list[Path]) -> None:
    compose = Compose()
    compose.answer = {"services": {1: "a number is the key"}}
    assert ask(files, compose) == ask(files, compose) == compose.answer
    assert compose.asked == 2


def test_no_state_folder_is_made_for_it(files: list[Path]) -> None:
    folder = files[0].parents[1] / "state"
    folder.rmdir()
    assert ask(files, Compose())["name"] == "x"
    assert not folder.exists()


def test_status_imports_no_fault() -> None:
    script = "import sys, testbed.cli.status\nprint([m for m in sys.modules if m.startswith('testbed.faults.')])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # A database design has faults of its own, so it knows what a fault is.
    assert result.stdout.strip() == "['testbed.faults.ledger', 'testbed.faults.fault']"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Topology]:
    """Loads the shipped cluster with a number of users, as the Compose file has it; Compose itself is not asked."""
    file = tmp_path / "cluster.yaml"

    def load(users: str) -> Topology:
        file.write_text(CLUSTER.read_text().replace("&mail-users 60", f"&mail-users {users}", 1))
        document = merged(file)
        if isinstance(document["x-testbed"]["mail"]["users"], float):
            document["x-testbed"]["mail"]["users"] = 60  # as Compose prints 60.0
        monkeypatch.setattr(compose, "merge", lambda *_: document)
        return topology.load([file], {}, None, tmp_path)

    return load


def test_the_files_are_not_read_again_while_the_cache_holds(
    cluster: Callable[[str], Topology], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cluster("60")

    def read(*_: object) -> Source:
        raise AssertionError("a Compose file is parsed")

    monkeypatch.setattr(Source, "read", read)
    assert cluster("60") == first
    with pytest.raises(AssertionError, match="parsed"):
        cluster("61")


def test_a_mistake_is_reported_at_its_place_also_from_the_cache(cluster: Callable[[str], Topology]) -> None:
    messages = []
    for _ in range(2):
        with pytest.raises(UsageError, match=r"cluster\.yaml:\d+:\d+: .*must be a whole number, not '60\.0'") as caught:
            cluster("60.0")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
