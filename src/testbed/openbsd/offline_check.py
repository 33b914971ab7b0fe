"""What must be on a host before OpenBSD can be installed there without any network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import docker

from testbed.errors import UsageError
from testbed.images.builder import choices_of, hash_all, label_of
from testbed.images.image_catalogue import catalogue, select
from testbed.openbsd.balancer_disk import INSTALLER
from testbed.openbsd.media.file_source import BSDTAR, FileSource, InstallImage
from testbed.openbsd.media.signify import PROGRAM
from testbed.settings import Settings
from testbed.topology import Topology


def must_be_possible_offline(
    settings: Settings, engine: docker.DockerClient, design: Topology, source: FileSource
) -> None:
    """Refuse to begin what could only end by fetching something.

    Args:
        settings: the checkout's.
        engine: has the images.
        design: the cluster.
        source: where OpenBSD's files are.

    Raises:
        UsageError: something is missing; the error names how to get it while there is a network.
    """
    lacking = list(_lacking(settings, engine, design, source))
    if lacking:
        what, fix = zip(*lacking, strict=True)
        raise UsageError(
            f"--offline fetches nothing, and this host lacks {' and '.join(what)}",
            fix=f"with a network, run once: {'; '.join(dict.fromkeys(fix))}",
        )


def _lacking(
    settings: Settings, engine: docker.DockerClient, design: Topology, source: FileSource
) -> Iterator[tuple[str, str]]:
    if shutil.which(PROGRAM) is None:
        yield PROGRAM, "apt-get install signify-openbsd signify-openbsd-keys"
    if isinstance(source, InstallImage) and shutil.which(BSDTAR) is None:
        yield BSDTAR, "apt-get install libarchive-tools"
    images = select(catalogue(settings.root, choices_of(settings, design)), [INSTALLER])
    hashes = hash_all(images)
    stale = [image for image in images if label_of(engine, image.tag) != hashes[image.tag]]
    if stale:
        yield f"current image {stale[-1].tag}", f"testbed build {INSTALLER}"
