"""A machine that is a container."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from docker import DockerClient
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from requests import RequestException

from testbed.errors import TestbedError
from testbed.machines import host_entry, network_namespace, packet_rules
from testbed.machines.container_exec import execute
from testbed.machines.helper_container import HelperContainer
from testbed.machines.machine import LISTED_POWERS, ExecResult, LogLine, Power, Unreachable, Way
from testbed.machines.network_namespace import Namespace
from testbed.machines.platforms import SYSTEMS
from testbed.machines.recreate import current_image, recreate
from testbed.settings import CLUSTER_LABEL, ONEOFF_LABEL, PROJECT_LABEL
from testbed.topology import Node


class ContainerMachine:
    """A container of the Compose project.

    Args:
        name: the node's name.
        node: its service.
        container: its container in docker-py.
    """

    def __init__(self, name: str, node: Node, container: Container) -> None:
        self.name = name
        self.node = node
        self.system = SYSTEMS[node.keys.platform]
        self._container = container
        self._interfaces: dict[Namespace, list[dict[str, Any]]] = {}

    def power(self) -> Power:
        """Return whether the container runs."""
        state = self._inspect()["State"]
        if state["Paused"]:
            return Power.FROZEN
        return Power.ON if state["Running"] else Power.OFF

    def listed_power(self) -> Power:
        """Return what the engine's list had, without another request; a container that was not listed is inspected."""
        state = self._container.attrs.get("State")
        return LISTED_POWERS.get(state, Power.OFF) if isinstance(state, str) else ContainerMachine.power(self)

    def ready(self) -> bool:
        """Return whether the container runs; there is no boot to wait for."""
        return self.power() is Power.ON

    def start(self) -> None:
        """Start the container, which gives a VM power."""
        self._container.start()

    def stop(self) -> None:
        """Stop the container gracefully, with a grace period."""
        self._container.stop(timeout=20)

    def kill(self) -> None:
        """Kill the container with all its processes."""
        if self.power() is not Power.OFF:
            self._container.kill()

    def reset(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Freeze all its processes."""
        self._container.pause()

    def unpause(self) -> None:
        """Thaw them."""
        self._container.unpause()

    def unplug(self, *networks: str) -> None:
        """Take the host's ends of its cables down, so that the container sees NO-CARRIER, as with a pulled cable."""
        network_namespace.set_links(self._host_indexes(networks), self._helper, up=False)

    def plug(self, *networks: str) -> None:
        """Bring the host's ends up again."""
        network_namespace.set_links(self._host_indexes(networks), self._helper, up=True)

    def drop_packets(self, network: str, name: str, ways: Collection[Way], which: str = "") -> None:
        """Drop packets at the host's end of its cable."""
        [index] = self._host_indexes([network])
        script = packet_rules.drop_rules(
            self._table(name), network_namespace.host_interface(index), packet_rules.TOWARDS_NODE, ways, which
        )
        self._helper.run(["nft", script], network_namespace.HOST.mode)

    def pass_packets(self, name: str) -> None:
        """Delete the rules; the table outlives the cable."""
        self._helper.run(["nft", packet_rules.delete_rules(self._table(name))], network_namespace.HOST.mode)

    def filter(self, script: str) -> str:
        """Load the script into the container's own network namespace."""
        return self._helper.run(["nft", script], f"container:{self._container.id}")

    def _table(self, name: str) -> str:
        return packet_rules.host_table(labels_of(self._container)[CLUSTER_LABEL], self.name, name)

    @property
    def _helper(self) -> HelperContainer:
        mine = labels_of(self._container)
        labels = {key: mine[key] for key in (PROJECT_LABEL, CLUSTER_LABEL)} | {ONEOFF_LABEL: "True"}
        return HelperContainer(self._docker, f"{self.node.image.rpartition('/')[0]}/lb", labels, self.name)

    def tc(self, network: str, *arguments: str, inward: bool = False) -> str:
        """Run tc with the host's kernel, on the host's end or in the container's network namespace."""
        link = self._link(network)
        device = network_namespace.host_interface(int(link["link_index"])) if inward else str(link["ifname"])
        command = ["tc", *(device if word == "DEV" else word for word in arguments)]
        return network_namespace.run(command, network_namespace.HOST if inward else self._namespace(), self._helper)

    def try_tc(self, *arguments: str) -> None:
        """Run tc with the host's kernel, in a new network namespace."""
        network_namespace.run(["tc", *arguments], network_namespace.NEW, self._helper)

    def break_disk(self, number: int) -> None:
        """Refuse: a container's disk is the host's."""
        raise TestbedError(f"it has no disk {number} of its own: its files are the host's", where=self.name)

    def repair_disk(self, number: int) -> None:
        """Do nothing."""

    def copy_disk(self, number: int, target: Path) -> None:  # noqa: ARG002
        """Refuse: a container has no disk of its own."""
        raise TestbedError(f"it has no disk {number} of its own: its files are the host's", where=self.name)

    def replace_disk(self, name: str, source: Path) -> None:  # noqa: ARG002
        """Refuse: a container has no disk of its own."""
        raise TestbedError(f"it has no disk {name} of its own: its files are the host's", where=self.name)

    def interface(self, network: str) -> str:
        """Return the name of the interface that has the container's address on ``network``."""
        return str(self._link(network)["ifname"])

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command in the container."""
        return self.exec_in_container(command, timeout)

    def look(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command that only reads: root enters the container, all others ask the engine."""
        pid = self.pid()
        if not host_entry.can_enter(str(self._container.id), pid):
            return self.exec_in_container(command, timeout)
        try:
            return host_entry.run(pid, command, timeout)
        except OSError:
            raise Unreachable("it went off", where=self.name) from None

    def exec_in_container(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command in the container, also for a VM, whose node is the guest."""
        try:
            return execute(self._docker.api, str(self._container.id), command, timeout)
        except APIError as error:
            raise Unreachable(f"no command can be run: {error.explanation}", where=self.name) from None
        except RequestException as error:
            raise Unreachable(f"the engine does not report the result of a command: {error}", where=self.name) from None

    def logs(self, since: float | None = None, tail: int | None = None, follow: bool = False) -> Iterator[LogLine]:
        """Return the container's output with Docker's timestamps, which are the host's clock."""
        options: dict[str, Any] = {"timestamps": True, "tail": "all" if tail is None else tail}
        if since is not None:
            options["since"] = since
        if follow:
            stream = self._container.logs(stream=True, follow=True, **options)
        else:
            stream = self._container.logs(**options).splitlines()
        for line in _lines(stream):
            stamp, _, text = line.partition(" ")
            yield LogLine(_unix_seconds(stamp), text)

    def console(self) -> Path | None:
        """Return None: a container has no serial console."""
        return None

    def agent(self) -> Path | None:
        """Return None: a container has no guest agent."""
        return None

    def pid(self) -> int:
        """Return the host's process id of its first process, 0 when it is off."""
        return int(self._inspect()["State"]["Pid"])

    def started_at(self) -> float:
        """Return when it last got power, Unix seconds."""
        return _unix_seconds(self._inspect()["State"]["StartedAt"])

    def image_id(self) -> str:
        """Return the image that it was made from."""
        return str(self._inspect()["Image"])

    def current_image(self) -> str:
        """Return the image that it would be made from now."""
        self._inspect()
        return current_image(self._container)

    def recreate(self) -> None:
        """Create it again from that image, off. This object refers to the old container and cannot be used any more."""
        self._inspect()
        recreate(self._container)

    def missing_networks(self) -> tuple[str, ...]:
        """Return the networks of its service that its container is not connected to, as last listed or inspected."""
        connected = (self._container.attrs.get("NetworkSettings") or {}).get("Networks") or {}
        return tuple(each for each in self.node.addresses if not any(name.endswith(f"_{each}") for name in connected))

    def connect_networks(self) -> None:
        """Connect its container to the networks that it misses; its programs find them after a restart."""
        project = labels_of(self._container)[PROJECT_LABEL]
        self._inspect()
        for network in self.missing_networks():
            address = self.node.addresses[network]
            self._docker.api.connect_container_to_network(
                str(self._container.id), f"{project}_{network}", ipv4_address=str(address) if address else None,
                aliases=[self.node.name],
            )  # fmt: skip

    def container_id(self) -> str:
        """Return the engine's identity of the container."""
        return str(self._container.id)

    def container_name(self) -> str:
        """Return the container's name."""
        names = self._container.attrs.get("Names")  # in a list, a container has names and no name
        return str(names[0] if names else self._container.name).lstrip("/")

    def port(self, network: str) -> str:
        """Return the interface of its cable on ``network``, in the container's network namespace."""
        return str(self._link(network)["ifname"])

    def address(self, network: str) -> str:
        """Return its own address on ``network``, empty when it is off."""
        settings = self._inspect()["NetworkSettings"]["Networks"]
        for name, endpoint in settings.items():
            if name.endswith(f"_{network}"):
                return str(endpoint["IPAddress"])
        raise TestbedError(f"not on the network {network}", where=self.name)

    @property
    def _docker(self) -> DockerClient:
        return cast("DockerClient", self._container.client)

    def _inspect(self) -> dict[str, Any]:
        try:
            self._container.reload()
        except NotFound:
            raise Unreachable("its container is gone", where=self.name, fix="`testbed up` makes it again") from None
        attributes: dict[str, Any] = self._container.attrs
        return attributes

    def _link(self, network: str) -> dict[str, Any]:
        address = self.address(network)
        for link in self._links():
            if any(entry.get("local") == address for entry in link["addr_info"]):
                return link
        raise TestbedError(f"no interface has the address {address}", where=self.name)

    def _links(self) -> list[dict[str, Any]]:
        """Return the interfaces of its network namespace, listed from outside, because it may be frozen."""
        namespace = self._namespace()
        if namespace not in self._interfaces:  # they stay until it is off
            self._interfaces = {namespace: network_namespace.links(namespace, self._helper)}
        return self._interfaces[namespace]

    def _namespace(self) -> Namespace:
        pid = int(self._container.attrs["State"]["Pid"])  # callers have just inspected it
        if not pid:
            raise Unreachable("it is off and has no interfaces", where=self.name)
        return network_namespace.namespace_of(str(self._container.id), pid)

    def _host_indexes(self, networks: Sequence[str]) -> list[int]:
        return [int(self._link(network)["link_index"]) for network in networks]


def labels_of(container: Container) -> Mapping[str, str]:
    """Return the labels of a container, also of one that was listed and not inspected."""
    listed: Mapping[str, str] | None = container.attrs.get("Labels")
    return container.labels if listed is None else listed


def _lines(chunks: Iterator[bytes] | list[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *complete, rest = (rest + chunk + (b"" if isinstance(chunks, Iterator) else b"\n")).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace").rstrip("\r")
    if rest:
        yield rest.decode(errors="replace")


def _unix_seconds(stamp: str) -> float:
    """Docker's RFC 3339 time with nanoseconds, as Unix seconds."""
    second, _, fraction = stamp.removesuffix("Z").partition(".")
    seconds = datetime.strptime(second, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    return seconds + float(f"0.{fraction or 0}")
