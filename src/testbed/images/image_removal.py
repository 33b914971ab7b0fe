"""Removing the images that testbed built."""

from __future__ import annotations

import shutil
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from testbed.images.input_hash import LABEL
from testbed.settings import Settings


def remove_images(engine: docker.DockerClient, settings: Settings) -> tuple[list[str], list[str]]:
    """Remove the images whose names begin with the checkout's prefix and that testbed built.

    Their manifests and the saved states of their guests go, too.

    Earlier builds that lost their name go, too. An image that a container uses stays.

    Args:
        engine: has them.
        settings: the prefix, and where manifests lie.

    Returns:
        The images that were removed, and those that are in use.
    """
    removed, used = [], []
    for image in engine.images.list(filters={"label": LABEL}):
        mine = [tag for tag in image.tags if tag.startswith(f"{settings.images}/")]
        if image.tags and not mine:
            continue  # another checkout's
        for name in mine or [str(image.id)]:
            try:
                engine.images.remove(name)
            except ImageNotFound:  # it went with one that was built on it
                continue
            except APIError as error:
                if error.status_code != 409:
                    raise
                used.append(name)
            else:
                removed.append(name)
    if not used:
        shutil.rmtree(_manifests(settings), ignore_errors=True)
        shutil.rmtree(settings.vm_states_dir, ignore_errors=True)
    return removed, used


def _manifests(settings: Settings) -> Path:
    return settings.state_dir / "manifests"
