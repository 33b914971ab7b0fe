"""One image without the cluster: testcontainers starts it on networks of its own, with secrets made for the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from docker.errors import APIError

# testcontainers' reaper is an image of a registry. Here each container's context manager removes it.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

from testbed.host import engine
from testbed.wait import wait_until

__all__ = [
    "APP_ENVIRONMENT", "DockerContainer", "Images", "Networks", "address", "first_octets", "free_subnets",
    "network_of_its_own", "run", "wait_ready",
]  # fmt: skip

READY_SECONDS = 60.0
# Of an app node.
APP_ENVIRONMENT = {
    "NODE": "app-1",
    "SITE_NAME": "webmail.testbed.test",
    "DATABASE_HOST": "db",
    "MAIL_HOST": "mail",
    "SESSIONS": "files",
}


@dataclass(frozen=True)
class Networks:
    """Networks named as the cluster's are: an app node's address there has the node's name.

    Attributes:
        project: what all names begin with.
        public: where clients are.
        backend: where app nodes are.
    """

    NAMES: ClassVar = ("public", "backend")

    project: str
    public: Network
    backend: Network


@dataclass(frozen=True)
class Images:
    """Starts containers of the images; the end of the stack removes them with their anonymous volumes.

    Attributes:
        prefix: what the names of the images begin with.
        state: a folder with the secrets and files of each node.
        stack: ends the containers.
    """

    prefix: str
    state: Path
    stack: ExitStack

    def start(
        self, image: str, network: Network, *, node: str = "", aliases: tuple[str, ...] = (), name: str = "",
        command: list[str] | None = None, environment: dict[str, str] | None = None,
        volumes: dict[str, str] | None = None, **options: object,
    ) -> DockerContainer:  # fmt: skip
        """Start a container.

        Args:
            image: the image's name.
            network: the network that it stands on.
            node: the node whose secrets it sees at ``/etc/testbed``; none by default.
            aliases: names on that network.
            name: the container's name; random by default.
            command: what it runs, or the arguments of its entrypoint.
            environment: its variables.
            volumes: folders or named volumes, each with its place in the container, writable.
            options: what docker-py's ``containers.create`` takes.

        Returns:
            The container, started.
        """
        container = DockerContainer(f"{self.prefix}/{image}").with_network(network)
        container.with_network_aliases(*aliases).with_envs(**(environment or {}))
        container.with_kwargs(**{"cap_add": ["NET_ADMIN", "NET_RAW"], "init": True, **options})
        if name:
            container.with_name(name)
        if command:
            container.with_command(command)
        if node:
            container.with_volume_mapping(str(self.state / "nodes" / node), "/etc/testbed", "ro")
        for source, target in (volumes or {}).items():
            container.with_volume_mapping(source, target, "rw")
        return self.stack.enter_context(container)


def free_subnets() -> Iterator[str]:
    """Subnets for networks of a test, beside what a cluster has: of RFC 2544's range, from its end."""
    return (f"198.19.{octet}.0/24" for octet in range(254, 127, -1))


@contextmanager
def network_of_its_own(name: str, subnets: Iterator[str]) -> Iterator[Network]:
    """A network on the first of these subnets that no other network has: another test's, or one that was killed left.

    Args:
        name: the network's.
        subnets: to try in turn; those tried are gone from it.
    """
    for subnet in subnets:
        network = Network(docker_network_kw={"ipam": {"Driver": "default", "Config": [{"Subnet": subnet}]}})
        network.name = name
        try:
            network.create()
        except APIError as error:
            if "overlaps" not in str(error):
                raise
            continue
        try:
            yield network
        finally:
            network.remove()
        return
    raise RuntimeError("every subnet for tests of images is taken; see `docker network ls`")


def first_octets(network: Network) -> str:
    """The first three numbers of the network's addresses, with a dot: ``198.19.254.``."""
    with closing(engine.client()) as client:
        attributes = client.networks.get(network.name).attrs
    return str(attributes["IPAM"]["Config"][0]["Subnet"]).rpartition(".")[0] + "."


def address(container: DockerContainer, network: Network) -> str:
    """The container's address on a network."""
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    return str(wrapped.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"])


def run(container: DockerContainer, *command: str) -> str:
    """The output of a command in the container, which must succeed."""
    result = container.exec(list(command))
    assert result.exit_code == 0, f"{' '.join(command)}: {result.output.decode()}"
    return str(result.output.decode())


def wait_ready(container: DockerContainer, ready: Callable[[], bool], what: str) -> None:
    """Wait until what a container runs is ready; a container that exited ends the wait at once.

    Args:
        container: which one.
        ready: whether it is.
        what: what is waited for.
    """
    wait_until(ready, READY_SECONDS, what, describe=lambda: last_lines(container), fatal=lambda: exited(container))


def exited(container: DockerContainer) -> str:
    """Return that the container has exited, with the end of its output; empty while it runs."""
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    return f"{wrapped.name} exited: {last_lines(container)}" if wrapped.status in ("exited", "dead") else ""


def last_lines(container: DockerContainer) -> str:
    """The end of what the container wrote."""
    return "".join(part.decode(errors="replace")[-600:] for part in container.get_logs())
