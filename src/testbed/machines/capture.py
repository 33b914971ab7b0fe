"""Packet captures by a short-lived container in the network namespace of a node or of the host."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from docker import DockerClient

from testbed.errors import TestbedError, UsageError
from testbed.machines.container import ContainerMachine
from testbed.output_line import last_line
from testbed.settings import CLUSTER_LABEL

PROGRAM = Path(__file__).with_name("packets.py")
# Beyond the capture's own time: the container's start and end.
MARGIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class CapturePoint:
    """Where to capture.

    Attributes:
        mode: the network namespace as Docker names it: ``host`` or ``container:ID``.
        interfaces: the interfaces to capture on.
    """

    mode: str
    interfaces: tuple[str, ...]


def node_capture_point(machine: ContainerMachine, networks: Sequence[str]) -> CapturePoint:
    """Return where to capture a node's packets: at its container's interfaces, outside the guest of a VM.

    Args:
        machine: the node.
        networks: which of its networks; by default all.

    Raises:
        UsageError: it is not on one of them.
        TestbedError: it is off.
    """
    for name in networks:
        if name not in machine.node.addresses:
            known = ", ".join(machine.node.addresses)
            raise UsageError(f"{machine.name} is not on {name!r}", where="--network", fix=f"its networks are {known}")
    chosen = networks or tuple(machine.node.addresses)
    return CapturePoint(f"container:{machine.container_id()}", tuple(machine.port(name) for name in chosen))


def network_capture_point(docker: DockerClient, cluster: str, network: str) -> CapturePoint:
    """Return where to capture a network's packets: at its bridge on the host.

    Args:
        docker: the engine.
        cluster: the cluster's identity.
        network: its name in the Compose file.

    Raises:
        UsageError: there is none.
    """
    found = docker.networks.list(
        filters={"label": [f"{CLUSTER_LABEL}={cluster}", f"com.docker.compose.network={network}"]}
    )
    if not found:
        raise UsageError(f"no network {network!r} of this cluster exists", fix="`testbed graph` shows the networks")
    options = found[0].attrs.get("Options") or {}
    bridge = options.get("com.docker.network.bridge.name") or f"br-{str(found[0].id)[:12]}"
    return CapturePoint("host", (bridge,))


def capture(
    point: CapturePoint, image: str, labels: Mapping[str, str], out: BinaryIO, *, seconds: float, most: int
) -> None:
    """Write a capture in the format of libpcap.

    Args:
        point: where.
        image: one that has Python: the client's.
        labels: of the container: they make `testbed down` remove it, and mark it as one that is not a node.
        out: the file.
        seconds: time limit.
        most: size limit in bytes.

    Raises:
        TestbedError: the capture failed; with the last line of its errors.
        KeyboardInterrupt: Ctrl-C; what was captured until then is written.
    """
    command = ["docker", "run", "--rm", "--pull", "never", "--log-driver", "none"]
    command += ["--network", point.mode, "--cap-drop", "ALL"]
    command += ["--cap-add", "NET_RAW", "--security-opt", "no-new-privileges", "--entrypoint", "python3"]
    command += [word for label in labels.items() for word in ("--label", "=".join(label))]
    command += [image, "-c", PROGRAM.read_text(), f"{seconds:g}", str(most), *point.interfaces]
    process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
    try:
        _, errors = process.communicate(timeout=seconds + MARGIN_SECONDS)
    except subprocess.TimeoutExpired:
        raise TestbedError("the capture does not end", where=" ".join(point.interfaces)) from None
    finally:
        # Ctrl-C goes to `docker run`, too, which passes it to the program, so that the file ends with a complete
        # packet.
        process.terminate()
        process.wait(timeout=MARGIN_SECONDS)
    if process.returncode:
        raise TestbedError(f"packets cannot be captured: {last_line(errors)}", where=" ".join(point.interfaces))
