"""The Compose project: what starts the containers, and what removes every trace of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from testbed import topology
from testbed.cluster import labels
from testbed.cluster.shape import Shape
from testbed.cluster.start_record import forget_start, is_as_started, record_start, start_key
from testbed.errors import TestbedError, UsageError
from testbed.host import engine, identity, project_owner
from testbed.output_line import last_line
from testbed.settings import CLUSTER_LABEL, ONEOFF_LABEL, Settings


def start(settings: Settings, shape: Shape, log: Path) -> None:
    """Create and start what is missing, by ``docker compose up``; the cluster's containers of other services go.

    Compose is not asked when the containers are those that it made of the same files and images, and all run.

    Args:
        settings: the project.
        shape: overlays and scale.
        log: where Compose's output goes.

    Raises:
        TestbedError: with Compose's last line.
    """
    overlay = labels.write(settings, shape)
    _remove_orphans(settings, overlay.services)
    environment = shape.environment(settings)
    merged = topology.read_merged(shape.files(settings), environment, settings.state_dir)
    key = start_key(merged, overlay.labels, dict(shape.scale))
    client = engine.client()
    if is_as_started(client, settings, key):
        return
    forget_start(settings)
    _compose_up(settings, shape, overlay.path, log)
    record_start(client, settings, key)


def _compose_up(settings: Settings, shape: Shape, overlay: Path, log: Path) -> None:
    command = ["docker", "compose", "--progress", "plain"]
    for file in (*shape.files(settings), overlay):
        command += ["-f", str(file)]
    command += ["up", "--detach", "--no-build"]
    for service, count in shape.scale:
        command += ["--scale", f"{service}={count}"]
    environment = {**os.environ, **shape.environment(settings)}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        status = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False
        ).returncode
    if status:
        raise TestbedError(last_line(log.read_text()), where="docker compose up", fix=f"see {log}")


def exists(settings: Settings) -> bool:
    """Whether the cluster has any container, running or not."""
    return bool(engine.client().containers.list(all=True, filters={"label": identity.own(settings)}))


def _remove_orphans(settings: Settings, services: Collection[str]) -> None:
    """Remove containers of services that are in no Compose file any more.

    Not by Compose's ``--remove-orphans``, which goes by the project's name and takes a stranger's containers, too.
    """
    own = [*identity.own(settings), f"{ONEOFF_LABEL}=False"]
    for container in engine.client().containers.list(all=True, filters={"label": own}):
        if container.labels.get("com.docker.compose.service") not in services:
            _remove_container(container)


class GhostEndpointsError(TestbedError):
    """The engine counts endpoints on a network that no container has any more, and does not let the network go."""


def must_have_own_networks(clusters: Collection[str]) -> None:
    """Refuse to remove networks on which a container runs that does not go with them: the engine would keep them.

    Such a container need not be of the project (``docker run --network testbed_public``). One that is off has no
    endpoint.

    Args:
        clusters: identities of the clusters that are to be removed.

    Raises:
        UsageError: there are such containers; the message names all. Nothing has been removed.
    """
    api = engine.client().api
    networks = [each for known in clusters for each in api.networks(filters={"label": f"{CLUSTER_LABEL}={known}"})]
    found = [
        (network["Name"], each["Names"][0].lstrip("/"))
        for network in networks
        for each in api.containers(filters={"network": network["Id"]})
        if (each.get("Labels") or {}).get(CLUSTER_LABEL) not in clusters
    ]
    if found:
        commands = " && ".join(f"docker network disconnect {network} {name}" for network, name in found)
        raise UsageError(
            project_owner.foreign_containers(sorted({name for _, name in found})),
            where="project",
            fix=f"disconnect {'it' if len(found) == 1 else 'each'}: `{commands}`",
        )


def remove(clusters: Iterable[str]) -> None:
    """Remove containers, networks and volumes of clusters, found by the identity that each carries.

    By label and not by ``docker compose down``: it must work when the Compose files have changed or are broken since.
    By identity and not by the project's name, which others may use.
    One after the other: engines before 23.0 can lose count of a network's endpoints when several go at once.

    Args:
        clusters: their identities.

    Raises:
        GhostEndpointsError: the engine has lost count all the same; everything else has been removed.
    """
    for cluster in clusters:
        remove_nodes(cluster)
        _remove_networks(f"{CLUSTER_LABEL}={cluster}")


def remove_nodes(cluster: str) -> None:
    """Remove a cluster's containers and volumes, and keep its networks.

    Args:
        cluster: its identity.
    """
    client, label = engine.client(), f"{CLUSTER_LABEL}={cluster}"
    for container in client.containers.list(all=True, filters={"label": label}):
        _remove_container(container)
    for volume in client.volumes.list(filters={"label": label}):
        volume.remove(force=True)


def _remove_networks(label: str) -> None:
    for network in engine.client().networks.list(filters={"label": label}):
        try:
            network.remove()
        except APIError as error:
            if "active endpoints" not in str(error):
                raise
            raise GhostEndpointsError(
                f"the engine still counts endpoints on the empty network {network.name}",
                fix="restart the engine (`systemctl restart docker`), then run `testbed down` again",
            ) from None


def _remove_container(container: Container) -> None:
    try:
        container.remove(v=True, force=True)
    except NotFound:
        pass
    except APIError as error:
        if "already in progress" not in str(error):
            raise
