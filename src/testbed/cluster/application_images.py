"""Applications that are container images: found in the engine, or pulled, and exported for the app nodes.

App nodes get the files of an image, and run its program themselves (docs/design-decisions/cluster.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

import docker
import requests
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.models.images import Image

from testbed.applications import ImageProgram
from testbed.errors import TestbedError, UsageError
from testbed.host import engine
from testbed.output_line import last_line
from testbed.progress import Progress
from testbed.topology import Application, Topology

# Below the folder that app nodes see at /etc/testbed.
FOLDER = Path("nodes", "app", "images")
CHUNK_BYTES = 1 << 20


def programs(topology: Topology, progress: Progress | None = None) -> dict[str, ImageProgram]:
    """Return the program of each application that is a container image; pull images that the engine does not have.

    Args:
        topology: the applications.
        progress: shows that an image is pulled.

    Raises:
        UsageError: there is no such image, or it cannot run on app nodes.
    """
    named = {name: each for name, each in topology.applications.items() if each.kind == "image"}
    if not named:
        return {}
    client = engine.client()
    architecture = str(client.version()["Arch"])
    return {name: _program(client, name, each, architecture, progress) for name, each in named.items()}


def _program(
    client: docker.DockerClient, name: str, application: Application, architecture: str, progress: Progress | None
) -> ImageProgram:
    image_name, where = str(application.image), f"application {name}"
    image = _find(client, image_name, where, progress)
    of = f"{image.attrs.get('Os', 'linux')}/{image.attrs.get('Architecture', architecture)}"
    if of != f"linux/{architecture}":
        fix = f"name an image for linux/{architecture}"
        raise UsageError(f"the image {image_name!r} is for {of}", where=where, fix=fix)
    configuration = image.attrs.get("Config") or {}
    program = ImageProgram(
        identity=str(image.id).partition(":")[2],
        entrypoint=tuple(configuration.get("Entrypoint") or ()),
        command=tuple(configuration.get("Cmd") or ()),
        environment=tuple(configuration.get("Env") or ()),
        user=str(configuration.get("User") or ""),
        folder=str(configuration.get("WorkingDir") or ""),
    )
    if not (program.entrypoint or program.command or application.command):
        what = f"the image {image_name!r} has neither an ENTRYPOINT nor a CMD"
        raise UsageError(what, where=where, fix="add `command:` to the application")
    return program


def _find(client: docker.DockerClient, name: str, where: str, progress: Progress | None) -> Image:
    """Return an image, pulled if the engine does not have it.

    Raises:
        UsageError: it is in no registry that the engine reaches.
    """
    try:
        return client.images.get(name)
    except ImageNotFound:
        pass
    try:
        if progress is None:
            return _pull(client, name)
        with progress.step(f"pulling the image {name}"):
            return _pull(client, name)
    except (DockerException, requests.RequestException) as error:
        reason = last_line(str(getattr(error, "explanation", None) or error), otherwise="no answer")
        raise UsageError(
            f"there is no image {name!r}, and it cannot be pulled: {reason}", where=where,
            fix="build it, or load it with `docker load`; `docker images` lists the images that there are",
        ) from None  # fmt: skip


def _pull(client: docker.DockerClient, name: str) -> Image:
    """Pull one image: without a tag or a digest its tag is latest, as ``docker pull`` has it."""
    tagged = "@" in name or ":" in name.rpartition("/")[2]
    return client.images.pull(name if tagged else f"{name}:latest")


def export(state_dir: Path, wanted: Mapping[str, ImageProgram]) -> None:
    """Write the files of images where app nodes find them.

    Args:
        state_dir: the folder that holds ``nodes/``.
        wanted: by application.

    Raises:
        TestbedError: an image cannot be exported, as on a full disk.
    """
    for identity in sorted({each.identity for each in wanted.values()}):
        archive = state_dir / FOLDER / f"{identity}.tar"
        if archive.exists():
            continue
        archive.parent.mkdir(parents=True, exist_ok=True)
        draft = archive.with_suffix(".new")
        try:
            _write(identity, draft)
            draft.chmod(0o600)
            draft.replace(archive)
        except (OSError, DockerException, requests.RequestException) as error:
            draft.unlink(missing_ok=True)
            raise TestbedError(f"the image cannot be exported: {error}", where=str(archive)) from None


def _write(identity: str, path: Path) -> None:
    """Write the root folder of an image as a tar archive: the engine exports containers, also those that never ran."""
    client = engine.client()
    container = client.containers.create(f"sha256:{identity}", command=["never-run"])
    try:
        with path.open("wb") as file:
            # docker-py declares text, and returns bytes.
            file.writelines(cast("Iterator[bytes]", container.export(chunk_size=CHUNK_BYTES)))
    finally:
        with suppress(NotFound):
            container.remove(v=True, force=True)


def delete_others(state_dir: Path, wanted: Mapping[str, ImageProgram]) -> None:
    """Delete the files of images that no application has any more.

    Args:
        state_dir: the folder that holds ``nodes/``.
        wanted: by application.
    """
    kept = {f"{each.identity}.tar" for each in wanted.values()}
    for path in (state_dir / FOLDER).glob("*"):
        if path.name not in kept:
            path.unlink()
