"""The database node's image: a guest boots, is saved, and continues on another node; a damaged state is not used."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from single_image import DockerContainer, Images, Networks, first_octets, last_lines, wait_ready
from testbed.cluster.node_folders import share
from testbed.host import engine
from testbed.machines.guest_agent import GuestAgent
from testbed.machines.virtual import VirtualMachine

REFUSED = "event=vm-state-refused reason=damaged"


class Node:
    """A database node without its peer.

    Args:
        container: of its QEMU.
        sockets: its folder of sockets.
    """

    def __init__(self, container: DockerContainer, sockets: Path) -> None:
        self.container = container
        self._sockets = sockets

    @property
    def lines(self) -> list[str]:
        """The node's log."""
        return [line for part in self.container.get_logs() for line in part.decode(errors="replace").splitlines()]

    def wait_booted(self, times: int = 1) -> None:
        """Wait until the guest has booted, and its agent answers."""
        wait_ready(self.container, lambda: sum("event=booted" in line for line in self.lines) == times, "event=booted")
        wait_ready(self.container, self._answers, "the guest agent")

    def _answers(self) -> bool:
        try:
            return bool(self.run("hostname"))
        except OSError:
            return False

    def run(self, command: str) -> str:
        """The output of a command in the guest."""
        with GuestAgent(self._sockets / "agent.sock", "db") as agent:
            return agent.exec(["sh", "-c", command], 20).check("the command failed", "db").strip()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of states and sockets, which is short enough for a socket."""
    return tmp_path_factory.mktemp("db")


@pytest.fixture
def disks() -> Iterator[dict[str, str]]:
    """Names of volumes, which are removed after the containers."""
    names = {node: f"testbed-image-{uuid.uuid4().hex[:8]}" for node in ("db1", "db2", "db3")}
    client = engine.client()
    for name in names.values():
        client.volumes.create(name)
    yield names
    for name in names.values():
        client.volumes.get(name).remove(force=True)


def start(images: Images, networks: Networks, folder: Path, node: str, disk: str) -> Node:
    """Start a database node with one card; its address ends with the node's number."""
    sockets = folder / node
    for each in (sockets, folder / "states"):
        each.mkdir(exist_ok=True)
        share(images.state, each, 0o2770)
    octets = first_octets(networks.backend)
    address = f"{octets}{100 + int(node[-1])}"
    environment = {
        "NODE": node, "VM_NICS": "backend", "VM_STATES": "/states", "BACKEND_ADDRESS": address, "CARP_VHID": "2",
        "DATABASE_ADDRESS": f"{octets}20", "CARP_ADVBASE": "1", "CARP_ADVSKEW": "0", "SHARE_CLIENTS": f"{octets}0/24",
    }  # fmt: skip
    with closing(engine.client()) as client:
        configuration = {networks.backend.name: client.api.create_endpoint_config(ipv4_address=address)}
    container = images.start(
        "db", networks.backend, node="db", environment=environment,
        volumes={str(sockets): "/run/vm", str(folder / "states"): "/states", disk: "/disk"},
        devices=["/dev/net/tun"], group_add=[images.state.stat().st_gid], networking_config=configuration,
    )  # fmt: skip
    return Node(container, sockets)


def test_a_fresh_node_continues_from_a_state_which_a_node_with_a_history_or_a_damaged_state_does_not(
    disks: dict[str, str], containers: Images, networks: Networks, folder: Path
) -> None:
    first = start(containers, networks, folder, "db1", disks["db1"])
    first.wait_booted()
    assert [line for line in first.lines if line.startswith("event=vm-state-saved")], last_lines(first.container)

    second = start(containers, networks, folder, "db2", disks["db2"])
    second.wait_booted()
    assert second.lines[0].startswith("event=vm-restored"), second.lines
    # Its name, address, MAC and time are its own, and its random numbers are not the other's.
    assert second.run("hostname") == "db2"
    own = second.run(". /run/testbed/node.env; echo $BACKEND_MAC $BACKEND_ADDRESS").split()
    card = second.run("ip -o link show backend; ip -o -4 addr show backend")
    assert all(each in card for each in own)
    clock = next(line for line in second.lines if "event=clock-told" in line)
    host, up = (float(number) for number in re.findall(r"(?:host|up)=([\d.]+)", clock))
    assert abs(float(second.run("date +%s")) - float(second.run("cut -d' ' -f1 /proc/uptime")) - (host - up)) < 2
    boot_id = "cat /proc/sys/kernel/random/boot_id"
    assert first.run(boot_id) != second.run(boot_id)

    # A reset makes it boot in the same QEMU, as `reboot` and fencing need it.
    node = cast("Any", SimpleNamespace(keys=SimpleNamespace(platform="debian")))
    VirtualMachine("db2", node, second.container.get_wrapped_container(), folder / "db2").reset()
    second.wait_booted(times=2)

    # A node that had power before boots, because its disks have changed.
    wrapped = second.container.get_wrapped_container()
    wrapped.kill()
    wrapped.start()
    second.wait_booted(times=3)
    assert sum("event=vm-restored" in line for line in second.lines) == 1
    assert "SeaBIOS" in (folder / "db2" / "console.log").read_text(errors="replace")

    # A damaged state is not used, and replaced.
    [ram] = (folder / "states").glob("*/ram")
    with ram.open("r+b") as file:
        file.seek(ram.stat().st_size // 2)
        file.write(b"damage")

    third = start(containers, networks, folder, "db3", disks["db3"])
    third.wait_booted()
    assert REFUSED in third.lines
    assert [line for line in third.lines if line.startswith("event=vm-state-saved")]
    assert not [line for line in third.lines if line.startswith("event=vm-restored")]
    assert third.run("hostname") == "db3"
