"""What is in an image: its packages with their versions, read from the image itself."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import docker
from docker.errors import NotFound

from testbed.images.image_catalogue import Image

_STATUS = "/var/lib/dpkg/status"


def write(engine: docker.DockerClient, image: Image, inputs: str, stages: Sequence[str], path: Path) -> None:
    """Write an image's manifest.

    Args:
        engine: has the image.
        inputs: hash of all it is made of.
        stages: ids of what its earlier stages left.
        path: where the manifest goes.
    """
    built = engine.images.get(image.tag)
    manifest = {
        "image": image.tag,
        "id": built.id,
        "inputs": inputs,
        "built_on": dict(image.bases) or {"release": image.release},
        "arguments": dict(image.args),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "size_bytes": built.attrs["Size"],
        "stages": list(stages),
        "packages": packages(_read(engine, image.tag, _STATUS)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest, indent=2) + "\n")


def describes(path: Path, image_id: str) -> bool:
    """Return whether a manifest is that of an image; an image may come from another checkout's build.

    Args:
        path: the manifest; it may be missing.
        image_id: the engine's name for the image.
    """
    try:
        return bool(json.loads(path.read_text())["id"] == image_id)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def stages_of(path: Path) -> list[str]:
    """Return the ids of what an image's earlier stages left, as its manifest lists them; empty without one."""
    try:
        return [str(stage) for stage in json.loads(path.read_text())["stages"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def packages(status: str) -> dict[str, str]:
    """Return installed packages and their versions from dpkg's status file."""
    found = {}
    for paragraph in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields["Version"]
    return dict(sorted(found.items()))


def _read(engine: docker.DockerClient, tag: str, path: str) -> str:
    """Read a text file of an image; nothing of the image runs."""
    container = engine.containers.create(tag, command=["true"])
    try:
        stream, _ = container.get_archive(path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            content = tar.extractfile(tar.next() or "")
            return content.read().decode(errors="replace") if content else ""
    except NotFound:
        return ""
    finally:
        container.remove(force=True)
