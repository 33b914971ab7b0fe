"""`testbed down --images`: which images go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, ImageNotFound

from testbed.images.image_removal import remove_images
from testbed.settings import Settings


@dataclass
class Images:
    """An engine's images by identity; one is in use, and one goes with another."""

    tags: dict[str, list[str]]
    used: str = ""
    asked: list[object] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def list(self, **options: object) -> list[SimpleNamespace]:
        self.asked.append(options)
        return [SimpleNamespace(id=name, tags=tags) for name, tags in self.tags.items()]

    def remove(self, name: str) -> None:
        if name == self.used:
            raise APIError("in use", response=cast("Any", SimpleNamespace(status_code=409, reason="conflict", url="")))
        if name == "gone":
            raise ImageNotFound(name)
        self.removed.append(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    (manifests / "lb.json").write_text("{}")
    return Settings(root=tmp_path, project="testbed", state_dir=tmp_path, run_dir=tmp_path, images="mine")


def test_images_of_this_prefix_and_nameless_builds_go(settings: Settings) -> None:
    images = Images({"1": ["mine/lb:latest", "mine/lb:old"], "2": ["other/lb:latest"], "3": [], "gone": []})
    removed, used = remove_images(cast("Any", SimpleNamespace(images=images)), settings)
    assert removed == images.removed == ["mine/lb:latest", "mine/lb:old", "3"]
    assert not used
    assert images.asked == [{"filters": {"label": "org.testbed.inputs"}}]
    assert not (settings.state_dir / "manifests").exists()


def test_an_image_in_use_stays_with_its_manifest(settings: Settings) -> None:
    images = Images({"1": ["mine/lb:latest"], "2": ["mine/db:latest"]}, used="mine/lb:latest")
    assert remove_images(cast("Any", SimpleNamespace(images=images)), settings) == (
        ["mine/db:latest"], ["mine/lb:latest"],
    )  # fmt: skip
    assert (settings.state_dir / "manifests" / "lb.json").exists()
