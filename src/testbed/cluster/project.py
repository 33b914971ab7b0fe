"""The Compose project: what starts the containers, and what removes every trace of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from testbed.cluster.shape import Shape
from testbed.errors import TestbedError
from testbed.host import acceleration, engine
from testbed.settings import PROJECT_LABEL, Settings


def start(settings: Settings, shape: Shape, log: Path) -> None:
    """Create and start what is missing, by ``docker compose up``.

    Args:
        settings: the project.
        shape: overlays and scale.
        log: where Compose's output goes.

    Raises:
        TestbedError: with Compose's last line.
    """
    command = ["docker", "compose", "--progress", "plain"]
    for file in shape.files(settings):
        command += ["-f", str(file)]
    command += ["up", "--detach", "--no-build", "--remove-orphans"]
    for service, count in shape.scale:
        command += ["--scale", f"{service}={count}"]
    environment = {**os.environ, **shape.environment(settings)}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        status = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False
        ).returncode
    if status:
        lines = log.read_text().strip().splitlines()
        raise TestbedError(lines[-1] if lines else "no output", where="docker compose up", mend=f"see {log}")


def exists(settings: Settings) -> bool:
    """Whether the project has any container, running or not."""
    client = engine.client()
    return bool(client.containers.list(all=True, filters={"label": f"{PROJECT_LABEL}={settings.project}"}))


class GhostEndpointsError(TestbedError):
    """The engine counts endpoints on a network that no container has any more, and does not let the network go."""


def remove(settings: Settings) -> None:
    """Remove the project's containers, networks and volumes, found by label.

    By label and not by ``docker compose down``: it must work when the Compose files have changed or are broken since.
    One after the other: engines before 23.0 can lose count of a network's endpoints when several go at once.

    Raises:
        GhostEndpointsError: the engine has lost count all the same; everything else has been removed.
    """
    client = engine.client()
    mine: dict[str, str | list[str] | bool] = {"label": f"{PROJECT_LABEL}={settings.project}"}
    for container in client.containers.list(all=True, filters=mine):
        _remove_container(container)
    for stray in client.containers.list(all=True, filters={"label": acceleration.LABEL}):
        _remove_container(stray)  # of a probe for acceleration that was killed
    for volume in client.volumes.list(filters={"label": f"{PROJECT_LABEL}={settings.project}"}):
        volume.remove(force=True)
    for network in client.networks.list(filters={"label": f"{PROJECT_LABEL}={settings.project}"}):
        try:
            network.remove()
        except APIError as error:
            if "active endpoints" not in str(error):
                raise
            raise GhostEndpointsError(
                f"the engine still counts endpoints on the empty network {network.name}",
                mend="restart the engine (`systemctl restart docker`), then run `testbed down` again",
            ) from None


def _remove_container(container: Container) -> None:
    try:
        container.remove(v=True, force=True)
    except NotFound:
        pass
    except APIError as error:
        if "already in progress" not in str(error):
            raise
