"""All nodes of the running cluster, found by Compose's labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.models.containers import Container

from testbed.errors import UsageError
from testbed.host import engine
from testbed.machines import packet_rules
from testbed.machines.container import ContainerMachine, labels_of
from testbed.machines.machine import Machine
from testbed.machines.openbsd_machine import OpenBSDMachine
from testbed.machines.virtual import VirtualMachine
from testbed.settings import CLUSTER_LABEL, ONEOFF_LABEL, PROJECT_LABEL
from testbed.topology import Role, Topology

# Where a VM's container has its sockets (docs/contract.md).
SOCKETS = "/run/vm"


class Fleet:
    """The nodes of one Compose project.

    Args:
        topology: the cluster's services.
        run_dir: the folder of each VM's sockets, by node name, unless its container names another.
        labels: of the cluster's helper containers (``host.identity``): nodes carry the same identity.
    """

    def __init__(self, topology: Topology, run_dir: Path, labels: Mapping[str, str]) -> None:
        self.topology = topology
        self._labels = labels
        self._run_dir = run_dir
        self._docker = engine.client()

    @property
    def engine_client(self) -> DockerClient:
        """The client by which it and its nodes ask the engine."""
        return self._docker

    def machines(self, role: Role | None = None) -> list[Machine]:
        """Return all nodes, or those of a role, sorted by name."""
        own = [f"{key}={self._labels[key]}" for key in (PROJECT_LABEL, CLUSTER_LABEL)]
        # Sparse: one request, and no further one for each container.
        containers = self._docker.containers.list(
            all=True, sparse=True, filters={"label": [*own, f"{ONEOFF_LABEL}=False"]}
        )
        found = [self._machine(container) for container in containers]
        wanted = [machine for machine in found if machine and role in (None, machine.node.role)]
        return sorted(wanted, key=lambda machine: machine.name)

    def __getitem__(self, name: str) -> Machine:
        """Return the node called ``name``.

        Raises:
            UsageError: there is no such node.
        """
        machines = {machine.name: machine for machine in self.machines()}
        if name not in machines:
            known = ", ".join(machines) or "none: the cluster is not up"
            raise UsageError(f"no node {name!r}", fix=f"the nodes are {known}")
        return machines[name]

    def sweep(self, node: str = "") -> list[str]:
        """Delete the rules of faults on the host, also of nodes whose containers no longer exist.

        Args:
            node: only this node's.

        Returns:
            The nftables tables that it deleted.

        Raises:
            NoNftError: there is no nft to run.
            TestbedError: nft refuses.
        """
        images = next(iter(self.topology.nodes.values())).image.rpartition("/")[0]
        image = packet_rules.image_with_nft(self._docker, images, self._labels[CLUSTER_LABEL])
        return packet_rules.delete_host_tables(self._docker, image, self._labels, node)

    def outdated(self) -> list[str]:
        """Return the VMs whose image was built again since they were made: their disks fit the old image only."""
        found = []
        for machine in self.machines():
            if isinstance(machine, VirtualMachine):
                current = self._docker.images.get(machine.node.image).id
                if machine.image_id() != current:
                    found.append(machine.name)
        return found

    def _machine(self, container: Container) -> Machine | None:
        labels = labels_of(container)
        name = node_name(labels, self.topology)
        if not name:
            return None
        node = self.topology.nodes[labels["com.docker.compose.service"]]
        if node.keys.machine == "virtual":
            kind = OpenBSDMachine if node.keys.platform == "openbsd" else VirtualMachine
            return kind(name, node, container, sockets_of(container.attrs) or self._run_dir / name)
        return ContainerMachine(name, node, container)


def sockets_of(attributes: Mapping[str, Any]) -> Path | None:
    """Return the host's folder of a VM's sockets, None when its container has none mounted.

    It depends on the settings of `testbed up`: root, other users and TESTBED_RUN have different folders.

    Args:
        attributes: the container's, as the engine lists or inspects it.
    """
    mounts = attributes.get("Mounts") or ()
    return next((Path(each["Source"]) for each in mounts if each.get("Destination") == SOCKETS), None)


def node_name(labels: Mapping[str, str], topology: Topology) -> str:
    """Name of the machine whose container bears these labels, empty when it is none of the cluster's machines."""
    service = labels.get("com.docker.compose.service", "")
    node = topology.nodes.get(service)
    if node is None or labels.get(ONEOFF_LABEL) == "True":
        return ""
    return f"{service}-{labels['com.docker.compose.container-number']}" if node.scalable else service
