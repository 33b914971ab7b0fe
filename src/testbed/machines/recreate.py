"""Recreation of a container from the current image, with the same name, labels, volumes and addresses.

``docker compose up`` would replace all nodes of a scaled service at once, and number a single missing one again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from docker import DockerClient
from docker.errors import ImageNotFound
from docker.models.containers import Container

from testbed.errors import TestbedError

IMAGE_LABEL = "com.docker.compose.image"
# Configuration that a container inherits from its image.
INHERITED = ("Entrypoint", "Cmd", "WorkingDir", "User", "Healthcheck", "Volumes", "ExposedPorts", "StopSignal")


def current_image(container: Container) -> str:
    """Return the identity of the image that the container's tag names now.

    Raises:
        TestbedError: the tag no longer exists.
    """
    tag = str(container.attrs["Config"]["Image"])
    try:
        return str(cast("DockerClient", container.client).images.get(tag).id)
    except ImageNotFound:
        raise TestbedError(f"its image {tag} is gone", where=container.name or "", fix="`testbed build`") from None


def recreate(container: Container) -> None:
    """Remove a container that is off, and create it again from the current image, without starting it.

    Args:
        container: its named volumes stay.

    Raises:
        TestbedError: its image is gone; the container stays.
    """
    client = cast("DockerClient", container.client)
    container.reload()
    was: dict[str, Any] = container.attrs
    image = current_image(container)
    old_image = client.images.get(str(was["Image"])).attrs["Config"]
    body = {**own(was["Config"], old_image), "Image": was["Config"]["Image"], "HostConfig": was["HostConfig"]}
    body["Labels"] = {**body["Labels"], IMAGE_LABEL: image}
    ends = {name: _end(settings, str(was["Id"])) for name, settings in was["NetworkSettings"]["Networks"].items()}
    first, *others = ends
    body["NetworkingConfig"] = {"EndpointsConfig": {first: ends[first]}}
    container.remove(v=False)
    if str(was["Id"]).startswith(body["Hostname"]):
        del body["Hostname"]  # the engine had assigned it
    made = client.api.create_container_from_config(body, str(was["Name"]).lstrip("/"))  # type: ignore[no-untyped-call]
    for name in others:
        # Before Engine 25 a container can be created with only one network.
        address = ends[name]["IPAMConfig"].get("IPv4Address")
        client.api.connect_container_to_network(made["Id"], name, ipv4_address=address, aliases=ends[name]["Aliases"])


def own(configuration: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """Return a container's configuration without the parts from its image, which a new image may change.

    Args:
        configuration: the container's ``Config`` in the engine.
        image: the ``Config`` of the image it was made from.
    """
    inherited = {key for key in INHERITED if configuration.get(key) == image.get(key)}
    kept = {key: value for key, value in configuration.items() if key not in inherited}
    kept["Env"] = [each for each in configuration.get("Env") or () if each not in (image.get("Env") or ())]
    kept["Labels"] = dict(configuration.get("Labels") or {})
    return kept


def _end(settings: Mapping[str, Any], identity: str) -> dict[str, Any]:
    """Return one end of a cable: its aliases and its configured address, if the engine did not choose it."""
    aliases = [each for each in settings.get("Aliases") or () if not identity.startswith(each)]
    return {"IPAMConfig": settings.get("IPAMConfig") or {}, "Aliases": aliases}
