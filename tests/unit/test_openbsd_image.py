from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest

from testbed.errors import TestbedError, UsageError
from testbed.images.builder import choices_of, needed_by
from testbed.images.image_catalogue import catalogue
from testbed.openbsd.balancer_disk import InstalledDisk, installed, is_current, make
from testbed.openbsd.install import install_vm
from testbed.openbsd.install.netboot import Tree
from testbed.openbsd.media import SIGNATURE, Media
from testbed.openbsd.release import Release
from testbed.settings import Settings
from testbed.topology import Topology

ROOT = Path(__file__).parents[2]
RELEASE = Release("8.0")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=ROOT, project="testbed", state_dir=tmp_path / "state", run_dir=tmp_path / "run")


@pytest.fixture
def design() -> Topology:
    releases = Mock(model_dump=lambda: {"base": "bookworm", "app": "bullseye", "vm": "trixie"})
    cluster = Mock(releases=releases, database=Mock(filesystem="ext3"), mail=Mock(users=60, seed=2006))
    cluster.nodes = {"lb1": Mock(image="testbed/lb")}
    return cast("Topology", cluster)


@pytest.fixture
def media(tmp_path: Path) -> Media:
    names = (SIGNATURE, "pxeboot", *RELEASE.sets)
    files = {name: tmp_path / "files" / name for name in names}
    (tmp_path / "files").mkdir()
    for name, path in files.items():
        path.write_text(name)
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    return Media(RELEASE, files, {}, tmp_path / "key", digests)


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An installer that installs nothing, and is counted."""
    done: list[str] = []

    def install(_engine: object, tag: str, tree: Tree, out: Path, *_: object) -> Path:
        assert (tree.http / "install.conf").read_text()
        done.append(tag)
        (out / "disk.qcow2").write_text(f"disk {len(done)}")
        return out / "disk.qcow2"

    monkeypatch.setattr(install_vm, "install", install)
    return done


@pytest.fixture
def made(settings: Settings, design: Topology, media: Media, installs: list[str]) -> Callable[..., InstalledDisk]:
    del installs

    def run(**options: bool) -> InstalledDisk:
        return make(settings, Mock(), design, media, "tcg", lambda _: None, **options)

    return run


def test_the_same_disk_is_not_installed_twice(
    made: Callable[..., InstalledDisk], installs: list[str], settings: Settings, design: Topology
) -> None:
    assert installed(settings) is None
    first = made()
    assert made() == first
    assert installs == ["testbed/openbsd-installer"]
    assert installed(settings) == first
    assert is_current(settings, design, first)
    assert first.path.name.startswith("openbsd-8.0-")
    assert made(fresh=True).path == first.path
    assert len(installs) == 2
    assert first.path.read_text() == "disk 2"


def test_other_files_make_another_disk_and_the_old_one_goes(
    made: Callable[..., InstalledDisk], media: Media, settings: Settings, design: Topology
) -> None:
    first = made()
    cast("dict[str, str]", media.digests)["bsd"] = "0" * 64
    second = made()
    assert second.path != first.path
    assert not first.path.exists()
    assert installed(settings) == second
    assert sorted(path.name for path in settings.openbsd_dir.iterdir()) == sorted(
        ["current.qcow2", "lock", second.path.name, second.path.with_suffix(".json").name]
    )
    assert is_current(settings, design, second)
    assert not is_current(settings, design, replace(second, inputs=first.inputs))


def test_a_failed_installation_leaves_the_disk_before_it_and_no_half_one(
    made: Callable[..., InstalledDisk], media: Media, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made()
    cast("dict[str, str]", media.digests)["bsd"] = "1" * 64
    monkeypatch.setattr(install_vm, "install", Mock(side_effect=TestbedError("the console is silent")))
    with pytest.raises(TestbedError, match="silent"):
        made()
    assert installed(settings) == first
    assert not (settings.openbsd_dir / "work").exists()


def test_the_balancers_image_is_made_of_the_installed_disk(
    made: Callable[..., InstalledDisk], settings: Settings, design: Topology
) -> None:
    cast("Any", design).nodes = {"lb1": Mock(image="testbed/lb-openbsd")}
    with pytest.raises(UsageError, match="make openbsd-image"):
        needed_by(settings, design)
    disk = made()
    assert "lb-openbsd" in needed_by(settings, design)
    piece = catalogue(ROOT, choices_of(settings, design))["testbed/lb-openbsd"].build_inputs[0]
    assert disk.path.name in piece.values


def test_a_cluster_of_debian_balancers_needs_no_openbsd(
    made: Callable[..., InstalledDisk], settings: Settings, design: Topology
) -> None:
    before = needed_by(settings, design)
    assert not any("openbsd" in name for name in before)
    made()
    assert needed_by(settings, design) == before
