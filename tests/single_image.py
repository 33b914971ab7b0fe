"""One image without the cluster: testcontainers starts it on networks of its own, with secrets made for the test."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

# testcontainers' reaper is an image of a registry. Here each container's context manager removes it.
os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"

from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

__all__ = ["READY_SECONDS", "SUBNETS", "DockerContainer", "Images", "Networks", "address", "last_lines", "run"]

READY_SECONDS = 60.0
# Of RFC 2544's range, beside what a cluster has.
SUBNETS = {"public": "198.19.250.0/24", "backend": "198.19.251.0/24"}


@dataclass(frozen=True)
class Networks:
    """Networks named as the cluster's are: an app node's address there has the node's name.

    Attributes:
        project: what all names begin with.
        public: where clients are.
        backend: where app nodes are.
    """

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


def last_lines(container: DockerContainer) -> str:
    """The end of what the container wrote."""
    return "".join(part.decode(errors="replace")[-600:] for part in container.get_logs())
