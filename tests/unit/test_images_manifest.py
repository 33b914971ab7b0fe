"""What is in an image is known to every checkout that uses it, whichever of them built it."""

from __future__ import annotations

import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import docker
import pytest
from fakes import topology

from testbed import settings as configuration
from testbed.images import build_images, builder, manifest
from testbed.images.image_catalogue import Image, catalogue
from testbed.images.input_hash import LABEL
from testbed.progress import Progress
from testbed.settings import Settings

STATUS = b"Package: qemu-system-x86\nStatus: install ok installed\nVersion: 1:10.0.2\n"
QUIET = cast("Progress", SimpleNamespace(print_line=lambda _: None))
IMAGES = ("vm", "base-trixie")


class Engine:
    """An engine that has all images, as their sources are now, built by somebody else."""

    def __init__(self) -> None:
        self.images = self
        self.containers = self
        self.generation = 1
        self.read = 0

    def get(self, tag: str) -> SimpleNamespace:
        labels = {LABEL: self.inputs[tag]}
        return SimpleNamespace(id=f"{tag}@{self.generation}", labels=labels, attrs={"Size": 1})

    def create(self, *_: object, **__: object) -> Engine:
        self.read += 1
        return self

    def get_archive(self, path: str) -> tuple[Iterator[bytes], None]:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            member = tarfile.TarInfo(path)
            member.size = len(STATUS)
            tar.addfile(member, io.BytesIO(STATUS))
        return iter([buffer.getvalue()]), None

    def remove(self, **_: object) -> None:
        """Nothing is left of a container that only was read."""

    @property
    def inputs(self) -> dict[str, str]:
        images = catalogue(configuration.load().root, builder.choices_of(configuration.load(), topology()))
        return builder.hash_all(list(images.values()))


@pytest.fixture(autouse=True)
def usual_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the images of the cluster that runs beside are called."""
    monkeypatch.delenv("TESTBED_IMAGES", raising=False)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr("testbed.host.engine.client", lambda: cast("docker.DockerClient", made))
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(configuration.load(), state_dir=tmp_path)


def manifests(settings: Settings) -> dict[str, dict[str, object]]:
    paths = (settings.state_dir / "manifests").glob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in paths}


def test_a_second_checkout_knows_the_packages_of_images_that_it_did_not_build(
    engine: Engine, settings: Settings
) -> None:
    assert build_images(settings, topology(), QUIET, names=["vm"]) == []
    found = manifests(settings)
    assert sorted(found) == sorted(IMAGES)
    assert found["vm"]["packages"] == {"qemu-system-x86": "1:10.0.2"}
    assert engine.read == len(IMAGES)


def test_an_image_that_was_built_again_elsewhere_is_described_again(engine: Engine, settings: Settings) -> None:
    build_images(settings, topology(), QUIET, names=["vm"])
    engine.generation = 2
    build_images(settings, topology(), QUIET, names=["vm"])
    assert [each["id"] for _, each in sorted(manifests(settings).items())] == ["testbed/base:trixie@2", "testbed/vm@2"]


def test_what_is_known_is_not_read_again(engine: Engine, settings: Settings) -> None:
    for _ in range(2):
        build_images(settings, topology(), QUIET, names=["vm"])
    assert engine.read == len(IMAGES)


def test_a_build_that_takes_the_names_of_another_checkouts_images_names_the_setting(
    engine: Engine, settings: Settings
) -> None:
    images = catalogue(settings.root, builder.choices_of(settings, topology()))
    vm, base = images["testbed/vm"], images["testbed/base:trixie"]

    def warning(*stale: Image) -> str:
        present = {each.tag: str(engine.get(each.tag).id) for each in stale}
        return builder.warn_of_others(stale, present, settings)

    text = warning(vm, base)
    assert text.startswith("testbed/vm, testbed/base:trixie: built again, because another checkout built them")
    assert "set TESTBED_IMAGES (now testbed) to another prefix" in text
    build_images(settings, topology(), QUIET, names=["vm"])
    assert warning(vm, base) == "", "this checkout has used them, so its own sources have changed"
    engine.generation += 1
    assert warning(vm).startswith("testbed/vm: built again")


@pytest.mark.usefixtures("engine")
def test_the_warning_is_printed_before_the_build(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    progress = cast("Progress", SimpleNamespace(print_line=printed.append))
    monkeypatch.setattr(Engine, "inputs", defaultdict(lambda: "other sources"))
    monkeypatch.setattr(builder, "BuildProgress", nullcontext)
    monkeypatch.setattr(builder, "run_in_order", lambda *_: printed.append("built"))
    monkeypatch.setattr(builder, "_remove_unnamed", lambda *_: None)
    monkeypatch.setattr("testbed.images.base_image.need_tools", lambda *_: None)
    assert "vm" in build_images(settings, topology(), progress, names=["vm"])
    assert "TESTBED_IMAGES" in printed[0]
    assert printed[1:] == ["built"]


def test_a_manifest_that_cannot_be_read_describes_nothing(tmp_path: Path) -> None:
    path = builder._manifest_of(replace(configuration.load(), state_dir=tmp_path), Image("testbed/vm"))
    assert not manifest.describes(path, "testbed/vm@1")
    path.parent.mkdir()
    path.write_text("{")
    assert not manifest.describes(path, "testbed/vm@1")
