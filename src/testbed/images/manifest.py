"""What is in an image: its packages with their versions, read from the image itself."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import docker
from docker.errors import NotFound

from testbed.images.catalogue import Image

_STATUS = "/var/lib/dpkg/status"


def write(engine: docker.DockerClient, image: Image, inputs: str, folder: Path) -> Path:
    """Write an image's manifest.

    Args:
        engine: has the image.
        image: the image.
        inputs: hash of all it is made of.
        folder: where manifests go.

    Returns:
        The manifest's path.
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
        "packages": packages(_read(engine, image.tag, _STATUS)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{image.name}.json"
    path.write_text(json.dumps(manifest, indent=2) + "\n")
    return path


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
