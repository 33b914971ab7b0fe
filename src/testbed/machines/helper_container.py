"""A short-lived container that runs one program in a network namespace.

It needs neither root nor programs on this host, because the image has nft, ip and tc. It lives for about 0.4 s. Where a
container of the image runs already, the host's root runs that one's program in the namespace, which takes a tenth.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from docker import DockerClient
from docker.errors import APIError, ContainerError

from testbed.errors import TestbedError
from testbed.host.command import host_environment
from testbed.machines import host_entry
from testbed.machines.network_namespace import can_run_host_programs
from testbed.output_line import first_line
from testbed.settings import CLUSTER_LABEL, ONEOFF_LABEL

SECONDS = 20
# What nsenter(1) prints of itself; then the program has not been started.
NSENTER = "nsenter: "


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
            done = self._run_from_host(command, namespace) if can_run_host_programs() else None
            if done is None:
                return self._run_in_container(command, namespace)
        except APIError as error:
            raise TestbedError(f"{command[0]} cannot be run: {error.explanation}", where=self.where) from None
        if done.returncode:
            raise TestbedError(f"{command[0]} refuses: {first_line(done.stderr)}", where=self.where)
        return done.stdout

    def _run_in_container(self, command: Sequence[str], namespace: str) -> str:
        try:
            written: object = self.docker.containers.run(
                self.image, list(command[1:]), entrypoint=command[0], network_mode=namespace, cap_add=["NET_ADMIN"],
                labels=dict(self.labels), remove=True,
            )  # fmt: skip
        except ContainerError as error:
            reason = first_line(cast("bytes | None", error.stderr) or b"")
            raise TestbedError(f"{command[0]} refuses: {reason}", where=self.where) from None
        return written.decode(errors="replace") if isinstance(written, bytes) else ""

    def _run_from_host(self, command: Sequence[str], namespace: str) -> subprocess.CompletedProcess[str] | None:
        """Run the program of a container of the image that runs; None if there is none, and nothing was run."""
        lender = self._lender()
        if not lender:
            return None
        enter = ["nsenter", f"--mount=/proc/{lender}/ns/mnt"]
        if namespace == "none":
            enter = ["unshare", "--net", *enter]
        elif namespace != "host":
            if not (target := self._pid(namespace.removeprefix("container:"))):
                return None
            enter.append(f"--net=/proc/{target}/ns/net")
        try:
            done = subprocess.run(
                [*enter, *command], capture_output=True, text=True, errors="replace", check=False, timeout=SECONDS,
                env=host_environment(),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise TestbedError(f"{command[0]} does not end within {SECONDS} s", where=self.where) from None
        return None if done.returncode and done.stderr.startswith(NSENTER) else done

    def _lender(self) -> int:
        """Return a process of a node whose container is of the image, as the host numbers it; 0 if none runs."""
        labels = [f"{ONEOFF_LABEL}=False", f"{CLUSTER_LABEL}={self.labels.get(CLUSTER_LABEL, '')}"]
        nodes = self.docker.api.containers(filters={"ancestor": self.image, "label": labels, "status": "running"})
        return next((pid for each in nodes if (pid := self._pid(each["Id"]))), 0)

    def _pid(self, container: str) -> int:
        """Return a container's first process, 0 when the host's root cannot enter it."""
        pid = int(self.docker.api.inspect_container(container)["State"]["Pid"])
        return pid if host_entry.can_enter(container, pid) else 0
