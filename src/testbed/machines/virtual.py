"""A machine that is a VM: the container of its QEMU is its power supply, its cable and its network socket."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import shutil
import tarfile
import tempfile
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any, cast

from docker.models.containers import Container
from qemu.qmp import QMPClient, QMPError

from testbed.errors import TestbedError
from testbed.machines import packet_rules
from testbed.machines.container import ContainerMachine
from testbed.machines.guest_agent import GuestAgent
from testbed.machines.machine import ExecResult, Power, Unreachable, Way, off_reason
from testbed.topology import Node
from testbed.wait import wait_until

# A VM without power refuses connections, which is not an error to print.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)

SECONDS = 5.0
SECOND_RESET_SECONDS = 3.0
# Copy of a disk: the name of QEMU's job and of its file, and the time limit.
COPY = "discarded"
COPY_SECONDS = 120.0


class VirtualMachine(ContainerMachine):
    """A guest of the Compose project.

    Args:
        name: the node's name.
        node: its service.
        container: the container its QEMU runs in.
        sockets: the folder of QEMU's sockets on the host.
    """

    def __init__(self, name: str, node: Node, container: Container, sockets: Path) -> None:
        super().__init__(name, node, container)
        self._sockets = sockets

    def power(self) -> Power:
        """Return whether the guest has power and its processor runs."""
        return self._processor_power(super().power())

    def listed_power(self) -> Power:
        """Return what the engine's list had, and whether the guest's processor runs."""
        return self._processor_power(super().listed_power())

    def _processor_power(self, power: Power) -> Power:
        if power is Power.ON and (self._sockets / "qmp.sock").exists():
            try:
                status = self._qmp("query-status")
            except Unreachable:
                return power
            return Power.FROZEN if status["status"] == "paused" else power
        return power

    def ready(self) -> bool:
        """Return whether the guest's agent answers."""
        try:
            return self.exec(["true"], timeout=2).status == 0
        except Unreachable:
            return False

    def reset(self) -> None:
        """Press the reset button.

        QEMU runs with ``-no-reboot``, so that a guest that crashes and restarts goes off. The action is changed for
        this reset (QMP ``set-action``).
        """
        self._talk(_reset)

    def pause(self) -> None:
        """Stop the guest's processor; the carriers stay."""
        self._qmp("stop")

    def unpause(self) -> None:
        """Continue the processor; QEMU itself may be frozen, too (``docker pause``), and is thawed first."""
        if super().power() is Power.FROZEN:
            super().unpause()
        self._qmp("cont")

    def unplug(self, *networks: str) -> None:
        """Drop the carriers of the guest's network cards."""
        for network in networks:
            self._qmp("set_link", {"name": network, "up": False})

    def plug(self, *networks: str) -> None:
        """Raise the carriers again."""
        for network in networks:
            self._qmp("set_link", {"name": network, "up": True})

    def drop_packets(self, network: str, name: str, ways: Collection[Way], which: str = "") -> None:
        """Drop packets at the container's interface in the bridge that the guest's card is plugged into."""
        device = str(self._link(network)["ifname"])
        self.filter(packet_rules.drop_rules(name, device, packet_rules.FROM_NODE, ways, which))

    def pass_packets(self, name: str) -> None:
        """Delete the rules; those of a VM without power are gone with its container."""
        if self.power() is not Power.OFF:
            self.filter(packet_rules.delete_rules(name))

    def break_disk(self, number: int) -> None:
        """Put a filter that fails every request (QEMU's ``blkdebug``) between the disk and its image."""
        filtered = {"driver": "blkdebug", "node-name": _filter(number), "image": f"image{number}"}
        self._qmp("blockdev-add", {**filtered, "inject-error": [{"event": "none", "errno": errno.EIO}]})
        self._set_image(number, _filter(number))

    def repair_disk(self, number: int) -> None:
        """Take the filter away again."""
        nodes: Any = self._qmp("query-named-block-nodes", {"flat": True})
        if any(node["node-name"] == _filter(number) for node in nodes):
            self._set_image(number, f"image{number}")
            self._qmp("blockdev-del", {"node-name": _filter(number)})

    def copy_disk(self, number: int, target: Path) -> None:
        """Copy a disk as it is at this moment (QMP ``drive-backup``), through the layers below it, to the host."""
        inside = f"/disk/{COPY}.qcow2"
        self._end_copy()  # of a process that was killed
        self._qmp("drive-backup", {
            "job-id": COPY, "device": f"image{number}", "target": inside, "format": "qcow2", "sync": "full",
            "auto-dismiss": False,
        })  # fmt: skip
        try:
            wait_until(
                lambda: self._copying()["status"] == "concluded", COPY_SECONDS, f"the copy of {self.name}'s disk",
                hint="is its disk broken?", describe=self._copying, fatal=lambda: off_reason(self),
            )  # fmt: skip
            if trouble := self._copying().get("error"):
                raise TestbedError(f"its disk cannot be copied: {trouble}", where=self.name)
            self._fetch(inside, target)
        finally:
            self._end_copy()
            self.exec_in_container(["rm", "-f", inside])

    def _end_copy(self) -> None:
        """Remove the job from QEMU, which starts no second job of the same name."""
        if self._copying()["status"] == "unknown":
            return
        if self._copying()["status"] != "concluded":
            self._qmp("job-cancel", {"id": COPY})
            wait_until(
                lambda: self._copying()["status"] in ("concluded", "unknown"), COPY_SECONDS,
                f"the copy of {self.name}'s disk to end", describe=self._copying, fatal=lambda: off_reason(self),
            )  # fmt: skip
        self._qmp("job-dismiss", {"id": COPY})

    def replace_disk(self, name: str, source: Path) -> None:
        """Put a disk into the node's volume; Docker takes it as a tar archive."""
        with tempfile.TemporaryFile(dir=source.parent) as archive:
            with tarfile.open(fileobj=archive, mode="w") as tar, source.open("rb") as content:
                member = tarfile.TarInfo(name)  # its owner is number 0, root
                member.size, member.mode = source.stat().st_size, 0o600
                tar.addfile(member, content)
            archive.seek(0)
            self._container.put_archive("/disk", archive)

    def _copying(self) -> dict[str, Any]:
        jobs: Any = self._qmp("query-jobs")
        return next((dict(job) for job in jobs if job["id"] == COPY), {"status": "unknown"})

    def _fetch(self, path: str, target: Path) -> None:
        """Copy a file out of the container; Docker returns it as a tar archive."""
        chunks, _ = self._container.get_archive(path)
        unfinished = target.with_suffix(".new")
        with tempfile.TemporaryFile() as archive:
            archive.writelines(chunks)
            archive.seek(0)
            with tarfile.open(fileobj=archive) as tar, unfinished.open("wb") as out:
                member = tar.extractfile(tar.getmembers()[0])
                if member is None:
                    raise TestbedError(f"{path} is not a file", where=self.name)
                shutil.copyfileobj(member, out)
        unfinished.rename(target)

    def interface(self, network: str) -> str:
        """Return the name of the guest's interface that has the node's address on ``network``."""
        address = str(self.node.addresses[network])
        if name := self.system.interface_of(address, self.exec(["sh", "-c", self.system.list_interfaces()]).stdout):
            return name
        raise TestbedError(f"no interface has the address {address}", where=self.name)

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command in the guest."""
        with GuestAgent(self._sockets / "agent.sock", self.name) as agent:
            return agent.exec(command, timeout)

    def look(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command in the guest: there is no quicker way."""
        return self.exec(command, timeout)

    def console(self) -> Path | None:
        """Return the socket of the serial console."""
        return self._sockets / "console.sock"

    def agent(self) -> Path | None:
        """Return the socket of the guest agent."""
        return self._sockets / "agent.sock"

    def _set_image(self, number: int, node: str) -> None:
        path = f"/machine/peripheral/disk{number}/virtio-backend"
        self._qmp("qom-set", {"path": path, "property": "drive", "value": node})

    def _link(self, network: str) -> dict[str, Any]:
        # The launcher gave the container's address to the guest, and put its interface into this bridge.
        bridge = f"br-{network}"[:15]
        self._inspect()
        for link in self._links():
            if link.get("master") == bridge and "link_index" in link:
                return link
        raise TestbedError(f"no interface is wired to {network}", where=self.name)

    def _qmp(self, command: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._talk(lambda client: _order(client, command, arguments))

    def _talk(self, conversation: Callable[[QMPClient], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        try:
            return asyncio.run(_connected(self._sockets / "qmp.sock", conversation))
        except (QMPError, OSError, TimeoutError) as error:
            raise Unreachable(f"QEMU does not answer ({error})", where=self.name) from None


async def _connected(path: Path, conversation: Callable[[QMPClient], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    client = QMPClient()
    await asyncio.wait_for(client.connect(str(path)), timeout=SECONDS)
    try:
        return await conversation(client)
    finally:
        await client.disconnect()


async def _order(client: QMPClient, command: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await asyncio.wait_for(client.execute(command, arguments), timeout=SECONDS)
    return cast("dict[str, Any]", answer)


async def _reset(client: QMPClient) -> dict[str, Any]:
    with client.listener("RESET") as events:
        await _order(client, "set-action", {"reboot": "reset"})
        try:
            await _order(client, "system_reset")
            await asyncio.wait_for(events.get(), timeout=SECONDS)
            # SeaBIOS detects the reset in memory and resets the VM once more, for a clean start.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(events.get(), timeout=SECOND_RESET_SECONDS)
        finally:
            await _order(client, "set-action", {"reboot": "shutdown"})
    return {}


def _filter(number: int) -> str:
    return f"broken{number}"
