"""Compose is asked to start a cluster only when something differs from what it made last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest

from testbed.cluster.start_record import forget_start, is_as_started, record_start, start_key
from testbed.settings import Settings

KEY = start_key({"services": {"db": {}}}, {"services": {}}, {"app": 2})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, project="testbed", state_dir=tmp_path, run_dir=tmp_path)


class Engine:
    """An engine with two containers of one image."""

    def __init__(self) -> None:
        self.images: list[dict[str, Any]] = [
            {"Id": "sha256:1", "RepoTags": ["testbed/db:latest"]},
            {"Id": "sha256:0", "RepoTags": None},
        ]
        self.containers = [self.container("a"), self.container("b")]

    @staticmethod
    def container(identity: str) -> dict[str, Any]:
        networks = {"testbed_public": {"NetworkID": "n1"}}
        return {
            "Id": identity, "Image": "testbed/db", "ImageID": "sha256:1", "State": "running",
            "NetworkSettings": {"Networks": networks},
        }  # fmt: skip

    @property
    def client(self) -> docker.DockerClient:
        api = SimpleNamespace(containers=lambda **_: self.containers, images=lambda: self.images)
        return cast("docker.DockerClient", SimpleNamespace(api=api))


def test_containers_that_run_as_compose_made_them_are_left_alone(settings: Settings) -> None:
    engine = Engine()
    assert not is_as_started(engine.client, settings, KEY)
    record_start(engine.client, settings, KEY)
    engine.containers.reverse()
    assert is_as_started(engine.client, settings, KEY)


def stop(engine: Engine) -> None:
    engine.containers[0]["State"] = "exited"


def replace(engine: Engine) -> None:
    engine.containers[0]["Id"] = "c"


def remove(engine: Engine) -> None:
    del engine.containers[0]


def rebuild(engine: Engine) -> None:
    engine.images[0]["Id"] = "sha256:2"


def untag(engine: Engine) -> None:
    engine.images[0]["RepoTags"] = []


def disconnect(engine: Engine) -> None:
    engine.containers[1]["NetworkSettings"] = {"Networks": {}}


@pytest.mark.parametrize("change", [stop, replace, remove, rebuild, untag, disconnect])
def test_compose_is_asked_when_anything_differs(settings: Settings, change: Callable[[Engine], None]) -> None:
    engine = Engine()
    record_start(engine.client, settings, KEY)
    change(engine)
    assert not is_as_started(engine.client, settings, KEY)


def test_compose_is_asked_when_it_would_make_something_else(settings: Settings) -> None:
    engine = Engine()
    record_start(engine.client, settings, KEY)
    assert not is_as_started(engine.client, settings, start_key({"services": {"db": {}}}, {"services": {}}, {"app": 3}))
    (settings.state_dir / "started.json").write_text("{")
    assert not is_as_started(engine.client, settings, KEY)
    forget_start(settings)
    forget_start(settings)
    assert not is_as_started(engine.client, settings, KEY)
