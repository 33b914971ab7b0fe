"""Who looks at the cluster from outside: a container for a scanner, a newcomer on a network, a listener on the wire."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from docker.errors import ContainerError
from docker.models.containers import Container

from testbed.cluster import Cluster
from testbed.host import engine, identity
from testbed.images.image_build import proxies
from testbed.machines.container import ContainerMachine
from testbed.output_line import last_line
from testbed.wait import wait_until

# tcpflow's names: source address and port, destination address and port, each number filled up with zeros.
FLOW = re.compile(r"(?:\d{3}\.){4}(\d{5})-(?:\d{3}\.){4}(\d{5})")


@dataclass(frozen=True)
class Flow:
    """What one end of a TCP connection sent to the other.

    Attributes:
        source: the sender's port.
        target: the receiver's port.
        content: all of it, put together.
    """

    source: int
    target: int
    content: bytes


def scanner(cluster: Cluster) -> str:
    """The image with the scanner and the listener, built unless it is there; its tag."""
    images = cluster.settings.images
    where = Path(__file__).parent / "scanner"
    base = {"BASE": f"{images}/base:bookworm", **proxies()}
    engine.client().images.build(path=str(where), tag=f"{images}/scanner", rm=True, buildargs=base)
    return f"{images}/scanner"


def beside(cluster: Cluster, node: str, command: Sequence[str]) -> str:
    """Run a command of the scanner's image where a node stands on the network; returns what it wrote."""
    machine = cluster.machine(node)
    assert isinstance(machine, ContainerMachine)
    written = engine.client().containers.run(
        scanner(cluster), list(command), network_mode=f"container:{machine.container_id()}", **_of(cluster), remove=True
    )  # type: ignore[call-overload]
    return cast("bytes", written).decode()


def newcomer(cluster: Cluster, network: str, script: str) -> str:
    """Run a shell script in a container of its own on a network, that may set routes and has testbed's probes.

    It keeps its default route, so what is not on the network goes by the host.

    Args:
        cluster: the cluster.
        network: which of its networks.
        script: for ``sh``.

    Returns:
        What it wrote.
    """
    try:
        written = engine.client().containers.run(
            f"{cluster.settings.images}/client", ["-euc", f"{script}; echo"], entrypoint="sh", cap_add=["NET_ADMIN"],
            network=f"{cluster.settings.project}_{network}", environment={"PYTHONPATH": "/opt/testbed/src"},
            volumes=[f"{cluster.settings.root / 'src'}:/opt/testbed/src:ro"], **_of(cluster), remove=True,
        )  # type: ignore[call-overload]  # fmt: skip
    except ContainerError as error:
        raise AssertionError(cast("bytes", error.stderr).decode()) from None
    return cast("bytes", written).decode()


@contextmanager
def listening(cluster: Cluster, nodes: Sequence[str]) -> Iterator[list[Flow]]:
    """Listen to all TCP of some nodes; what was sent is in the list at the end.

    Args:
        cluster: the cluster.
        nodes: containers.
    """
    flows: list[Flow] = []
    ears = [_ear(cluster, node) for node in nodes]
    try:
        for ear in ears:
            wait_until(
                lambda ear=ear: b"listening on" in ear.logs(), 20, "tcpflow to listen",  # type: ignore[misc]
                fatal=lambda ear=ear: _exited(ear),  # type: ignore[misc]
            )  # fmt: skip
        yield flows
        for ear in ears:
            ear.stop(timeout=10)
            flows += _flows(ear)
    finally:
        for ear in ears:
            ear.remove(force=True)


def _exited(ear: Container) -> str:
    ear.reload()
    return f"tcpflow ended: {last_line(ear.logs())}" if ear.status == "exited" else ""


def _ear(cluster: Cluster, node: str) -> Container:
    machine = cluster.machine(node)
    assert isinstance(machine, ContainerMachine)
    return engine.client().containers.run(  # type: ignore[call-overload, no-any-return]
        scanner(cluster), ["tcpflow", "-i", "any", "-o", "/flows", "tcp"], detach=True, cap_add=["NET_RAW"],
        network_mode=f"container:{machine.container_id()}", **_of(cluster),
    )  # fmt: skip


def _flows(ear: Container) -> Iterator[Flow]:
    chunks, _ = ear.get_archive("/flows")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        for member in archive:
            name = FLOW.fullmatch(member.name.rpartition("/")[2])
            if name and (content := archive.extractfile(member)):
                yield Flow(int(name[1]), int(name[2]), content.read())


def _of(cluster: Cluster) -> dict[str, dict[str, str]]:
    """Labels by which `testbed down` finds the container, which is not a node of the cluster."""
    return {"labels": identity.labels(cluster.settings)}
