"""A short-lived container that runs one program in a network namespace.

It needs neither root nor programs on this host, because the image has nft, ip and tc. It lives for about 0.4 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from docker import DockerClient
from docker.errors import APIError, ContainerError

from testbed.errors import TestbedError
from testbed.output_line import first_line


@dataclass(frozen=True)
class HelperContainer:
    """Runs programs in short-lived containers.

    Args:
        docker: the engine.
        image: one that has nft, ip and tc: the balancers'.
        labels: they make `testbed down` remove the container, and mark it as one that is not a node.
        where: name of the namespace's owner in messages.
    """

    docker: DockerClient
    image: str
    labels: Mapping[str, str]
    where: str

    def run(self, command: Sequence[str], namespace: str) -> str:
        """Run a program that may change the network.

        Args:
            command: the program and its arguments.
            namespace: as Docker names the network's mode: ``host``, ``none`` (a new one) or ``container:ID``.

        Returns:
            Its output.

        Raises:
            TestbedError: it failed; with the first line of its errors.
        """
        try:
            written: object = self.docker.containers.run(
                self.image, list(command[1:]), entrypoint=command[0], network_mode=namespace, cap_add=["NET_ADMIN"],
                labels=dict(self.labels), remove=True,
            )  # fmt: skip
        except ContainerError as error:
            reason = first_line(cast("bytes | None", error.stderr) or b"")
            raise TestbedError(f"{command[0]} refuses: {reason}", where=self.where) from None
        except APIError as error:
            raise TestbedError(f"{command[0]} cannot be run: {error.explanation}", where=self.where) from None
        return written.decode(errors="replace") if isinstance(written, bytes) else ""
