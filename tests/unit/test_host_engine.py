"""The engine and its client: installed when they are missing, and refused when they are another product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from testbed import settings as configuration
from testbed.errors import UsageError
from testbed.host import apt, doctor, engine, product
from testbed.host.host_check import CheckLevel
from testbed.settings import Settings

# Podman 4.3.1's answer to /version, shortened.
PODMAN = {
    "Platform": {"Name": "linux/amd64/debian-12"},
    "Components": [
        {"Name": "Podman Engine", "Version": "4.3.1", "Details": {"APIVersion": "4.3.1", "MinAPIVersion": "4.0.0"}},
        {"Name": "Conmon", "Version": "conmon version 2.1.6, commit: unknown", "Details": {"Package": "Unknown"}},
    ],
    "Version": "4.3.1",
    "ApiVersion": "1.41",
    "MinAPIVersion": "1.24",
}
# Docker 20.10's of Debian 12.
DOCKER = {
    "Platform": {"Name": ""},
    "Components": [{"Name": "Engine", "Version": "20.10.24+dfsg1"}, {"Name": "containerd", "Version": "1.6.20~ds1"}],
    "Version": "20.10.24+dfsg1",
    "ApiVersion": "1.41",
}
DESKTOP = {**DOCKER, "Platform": {"Name": "Docker Desktop 4.38.0 (181591)"}}


class Host:
    """A machine: the programs that it has, the packages that apt knows once it has been updated, and what is done."""

    def __init__(self, programs: Sequence[str], packages: dict[str, str]) -> None:
        self.programs = set(programs)
        self.packages = packages
        self.updated = False
        self.done: list[str] = []

    def refresh(self, _: Path) -> None:
        self.updated = True
        self.done.append("update")

    def candidate(self, package: str) -> str | None:
        return self.packages.get(package) if self.updated else None

    def install(self, packages: Sequence[str], *_: object) -> None:
        self.done += packages
        self.programs |= {"docker"} & {package.removesuffix("-cli") for package in packages}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(configuration.load(), state_dir=tmp_path)


def use(host: Host, monkeypatch: pytest.MonkeyPatch, uid: int = 0) -> None:
    """Have the engine's module find this machine."""
    monkeypatch.setattr("os.geteuid", lambda: uid)
    monkeypatch.setattr(engine, "has_program", lambda name: name in host.programs)
    monkeypatch.setattr(engine, "compose_version", lambda: "2.26" if "docker" in host.programs else None)
    monkeypatch.setattr(engine, "client", lambda: SimpleNamespace(info=dict))
    for name in ("refresh", "candidate", "install"):
        monkeypatch.setattr(apt, name, getattr(host, name))


def test_a_machine_with_empty_lists_gets_the_client_that_its_engine_came_without(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    host = Host(["dockerd"], {"docker-cli": "26.1.5"})
    use(host, monkeypatch)
    engine.ensure(settings, print)
    assert host.done == ["update", "docker-cli"]


def test_compose_is_looked_for_in_fresh_lists_too(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    host = Host(["dockerd", "docker"], {"docker-compose": "2.26.1-4"})
    use(host, monkeypatch)
    monkeypatch.setattr(engine, "compose_version", lambda: "2.26.1" if "docker-compose" in host.done else None)
    engine.ensure(settings, print)
    assert host.done == ["update", "docker-compose"]


@pytest.mark.parametrize(
    ("programs", "package"), [(["dockerd"], "docker-cli"), (["dockerd", "docker"], "docker-compose")]
)
def test_the_message_names_what_root_has_to_install(
    programs: list[str], package: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    host = Host(programs, {"docker-cli": "26.1.5", "docker-compose": "2.26.1-4"})
    use(host, monkeypatch, uid=1000)
    monkeypatch.setattr(engine, "compose_version", lambda: None)
    with pytest.raises(UsageError, match="needs root") as refused:
        engine.ensure(settings, print)
    assert f"apt-get install {package}" in refused.value.fix
    assert host.done == []


def test_the_doctor_names_the_client_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "has_program", lambda _: False)
    finding = doctor._compose()
    assert finding.status is CheckLevel.FAIL
    assert "no Docker client" in finding.what


@pytest.mark.parametrize(("version", "name"), [(PODMAN, "Podman 4.3.1"), (DESKTOP, "Docker Desktop 4.38.0")])
def test_another_product_behind_the_socket_is_refused_by_name(
    version: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    made = SimpleNamespace(version=lambda: version, close=lambda: closed.append("closed"))
    monkeypatch.setattr("docker.from_env", lambda **_: made)
    with pytest.raises(UsageError, match=name):
        engine.client()
    assert closed


def test_rootless_docker_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="rootless"):
        product.must_not_be_rootless({"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]})


def test_docker_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SimpleNamespace(version=lambda: DOCKER)
    monkeypatch.setattr("docker.from_env", lambda **_: made)
    assert cast("object", engine.client()) is made
    product.must_not_be_rootless({"SecurityOptions": ["name=seccomp,profile=default"]})
