"""Builds what changed, and only that."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from testbed.errors import TestbedError, UsageError
from testbed.host import engine as host_engine
from testbed.host.file_lock import exclusive
from testbed.images import base_image, manifest
from testbed.images.build_job import Report, Stop
from testbed.images.build_order import run_in_order
from testbed.images.build_progress import BuildProgress
from testbed.images.image_build import build
from testbed.images.image_catalogue import OPENBSD_BALANCER, Choices, Image, catalogue, select
from testbed.images.input_hash import LABEL, inputs_of, write_context
from testbed.progress import Progress
from testbed.settings import Settings
from testbed.topology import Topology


def build_images(
    settings: Settings,
    cluster: Topology,
    progress: Progress,
    *,
    names: Sequence[str] = (),
    fresh: bool = False,
) -> list[str]:
    """Build the images whose inputs changed, and those that are missing.

    Args:
        settings: where contexts, logs and manifests lie.
        cluster: names the Debian releases, the database's filesystem and the mail's population.
        progress: shows each step.
        names: short names of the images selected; what they are built on comes with them. None means all that the
            cluster needs.
        fresh: build all of them again without any layer of earlier builds, with Debian's newest packages.

    Returns:
        Names of the images that were built.

    Raises:
        UsageError: an image is unknown, or rights are missing.
        TestbedError: a build failed.
    """
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    waiting = partial(progress.print_line, "  another testbed is building; waiting for it")
    with exclusive(settings.state_dir / "build.lock", waiting):  # two would prepare the same contexts
        return _build_stale(settings, cluster, progress, names, fresh=fresh)


def _build_stale(
    settings: Settings, cluster: Topology, progress: Progress, names: Sequence[str], *, fresh: bool
) -> list[str]:
    client = host_engine.client()
    selected = select(catalogue(settings.root, choices_of(settings, cluster)), names or needed_by(settings, cluster))
    inputs = hash_all(selected)
    stale = {image.tag: image for image in selected if fresh or label_of(client, image.tag) != inputs[image.tag]}
    _describe(settings, client, [image for image in selected if image.tag not in stale], inputs)
    if not stale:
        return []
    releases = [image.release for image in stale.values() if image.folder is None]
    if releases:
        base_image.need_tools(settings, releases[0], progress.print_line)
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    replaced = {tag: str(client.images.get(tag).id) for tag in stale if label_of(client, tag) is not None}
    if warning := warn_of_others([stale[tag] for tag in replaced], replaced, settings):
        progress.print_line(f"  {warning}")
    needs = {tag: list(image.bases.values()) for tag, image in stale.items()}
    with BuildProgress(progress) as build_progress:
        job = _Builder(settings, inputs, build_progress, fresh=fresh)
        try:
            run_in_order(needs, lambda tag: job.build(stale[tag]))
        finally:
            job.stop.stop()
    for tag in reversed(stale):  # an image goes after those that were built on it
        if tag in replaced:
            _remove_unnamed(client, replaced[tag])
    return [image.name for image in stale.values()]


def warn_of_others(stale: Sequence[Image], present: Mapping[str, str], settings: Settings) -> str:
    """Return which images of another checkout get this checkout's names; empty when there are none.

    Args:
        stale: images that are built again.
        present: the engine's id of each by tag, before the build.
        settings: the prefix of the names, and the manifests of the images that this checkout has built or used.
    """
    others = [each.tag for each in stale if not manifest.describes(_manifest_of(settings, each), present[each.tag])]
    if not others:
        return ""
    return (
        f"{', '.join(others)}: built again, because another checkout built them from other sources under the same "
        f"names, and it must build them again, too; set TESTBED_IMAGES (now {settings.images}) to another prefix in "
        "one of the two checkouts"
    )


def _describe(
    settings: Settings, client: docker.DockerClient, images: Sequence[Image], inputs: Mapping[str, str]
) -> None:
    """Write the manifests of images that another checkout built: a run reports what is in the images that it used."""
    for image in images:
        path = _manifest_of(settings, image)
        if not manifest.describes(path, str(client.images.get(image.tag).id)):
            manifest.write(client, image, inputs[image.tag], (), path)


def _manifest_of(settings: Settings, image: Image) -> Path:
    return settings.state_dir / "manifests" / f"{image.name}.json"


def choices_of(settings: Settings, cluster: Topology) -> Choices:
    """Return what a topology leaves open about images, and what has been installed for them."""
    disk = settings.openbsd_dir / "current.qcow2"
    return Choices(
        cluster.releases.model_dump(), cluster.database.filesystem, cluster.mail.users, cluster.mail.seed,
        disk.resolve() if disk.exists() else None, settings.images, cluster.layout.name,
    )  # fmt: skip


def needed_by(settings: Settings, cluster: Topology) -> list[str]:
    """Return the short names of the images that a cluster runs, and of those that none of its nodes is.

    Raises:
        UsageError: it runs one that cannot be built yet.
    """
    images = catalogue(settings.root, choices_of(settings, cluster))
    used = {node.image for node in cluster.nodes.values()}
    balancer = f"{settings.images}/{OPENBSD_BALANCER}"
    if balancer in used and balancer not in images:
        raise UsageError("no OpenBSD has been installed yet for the balancers", fix="run `make openbsd-image`")
    return [image.name for image in images.values() if not image.optional or image.tag in used]


def hash_all(images: Sequence[Image]) -> dict[str, str]:
    """Return the inputs' hash of each image by tag.

    Args:
        images: each after those it is built on.

    Raises:
        TestbedError: an image has no Dockerfile.
    """
    hashes: dict[str, str] = {}
    for image in images:
        if image.folder is not None and not (image.folder / "Dockerfile").is_file():
            raise TestbedError("no Dockerfile", where=str(image.folder), fix="the checkout is not complete")
        hashes[image.tag] = inputs_of(image, hashes)
    return hashes


def label_of(client: docker.DockerClient, tag: str) -> str | None:
    """Return the inputs' hash an image was built from, None when it is missing or built by other means."""
    try:
        return client.images.get(tag).labels.get(LABEL)
    except ImageNotFound:
        return None


class _Builder:
    def __init__(
        self, settings: Settings, inputs: Mapping[str, str], build_progress: BuildProgress, *, fresh: bool
    ) -> None:
        self.settings = settings
        self.inputs = inputs
        self.build_progress = build_progress
        self.fresh = fresh
        self.stop = Stop()

    def build(self, image: Image) -> None:
        log = self.settings.logs_dir / f"build-{image.name}.log"
        log.unlink(missing_ok=True)
        log.touch()
        client = host_engine.client()
        with self.build_progress.build(image.name) as report:
            stages: list[str] = []
            if image.folder is None:
                base_image.BaseImageBuild(
                    client, image.release, image.tag, self.inputs[image.tag], log, report, self.stop, self.fresh
                ).run(self.settings)
            else:
                stages = self._from_folder(client, image, image.folder, log, report)
            path = _manifest_of(self.settings, image)
            old = set(manifest.stages_of(path))
            manifest.write(client, image, self.inputs[image.tag], stages, path)
        # Stages are the cache of the next build; only those of the build before are of no more use.
        for stage in old.difference(stages):
            _remove_unnamed(client, stage)

    def _from_folder(
        self, client: docker.DockerClient, image: Image, folder: Path, log: Path, report: Report
    ) -> list[str]:
        for build_input in image.build_inputs:
            build_input.ensure(report)
            self.stop.check()
        with tempfile.TemporaryFile() as context:
            write_context(folder, context)
            return build(
                client, image.tag, context, {**image.bases, **image.args}, self.inputs[image.tag],
                log=log, report=report, stop=self.stop, fresh=self.fresh,
            )  # fmt: skip


def _remove_unnamed(client: docker.DockerClient, image_id: str) -> None:
    with suppress(APIError):  # gone already, or still of use to another
        if not client.images.get(image_id).tags:
            client.images.remove(image_id)
