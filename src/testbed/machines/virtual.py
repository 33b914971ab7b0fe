"""A machine that is a VM: QEMU in a container, which is its power supply, its cable and its network socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from docker.models.containers import Container
from qemu.qmp import QMPClient, QMPError

from testbed.errors import TestbedError
from testbed.machines.container import ContainerMachine
from testbed.machines.guest_agent import GuestAgent
from testbed.machines.machine import ExecResult, Power, Unreachable
from testbed.topology import Node

# A machine without power refuses connections; that is an answer, not an error to print.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)


class VirtualMachine(ContainerMachine):
    """A guest of the Compose project.

    Args:
        name: the machine's name.
        node: the service it belongs to.
        container: the container its QEMU runs in.
        sockets: the folder of QEMU's sockets on the host.
    """

    def __init__(self, name: str, node: Node, container: Container, sockets: Path) -> None:
        super().__init__(name, node, container)
        self._sockets = sockets

    def power(self) -> Power:
        """Whether the guest has power and its processor runs."""
        power = super().power()
        if power is Power.ON and (self._sockets / "qmp.sock").exists():
            try:
                status = self._qmp("query-status")
            except Unreachable:
                return power
            return Power.FROZEN if status["status"] == "paused" else power
        return power

    def ready(self) -> bool:
        """Whether the guest's agent answers."""
        try:
            return self.exec(["true"], timeout=2).status == 0
        except Unreachable:
            return False

    def pause(self) -> None:
        """Stop the guest's processor; its cables stay lit."""
        self._qmp("stop")

    def unpause(self) -> None:
        """Let the processor run on."""
        self._qmp("cont")

    def unplug(self, network: str) -> None:
        """Drop the carrier of the guest's network card."""
        self._qmp("set_link", {"name": network, "up": False})

    def plug(self, network: str) -> None:
        """Raise the carrier again."""
        self._qmp("set_link", {"name": network, "up": True})

    def interface(self, network: str) -> str:
        """Name of the guest's interface that has the node's address on ``network``."""
        address = str(self.node.addresses[network])
        for link in json.loads(self.exec(["ip", "-j", "addr"]).stdout):
            if any(entry.get("local") == address for entry in link["addr_info"]):
                return str(link["ifname"])
        raise TestbedError(f"no interface has the address {address}", where=self.name)

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command in the guest."""
        with GuestAgent(self._sockets / "agent.sock", self.name) as agent:
            return agent.exec(command, timeout)

    def console(self) -> Path | None:
        """The socket of the serial console."""
        return self._sockets / "console.sock"

    def _qmp(self, command: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            return asyncio.run(_execute(self._sockets / "qmp.sock", command, arguments))
        except (QMPError, OSError, TimeoutError) as error:
            raise Unreachable(f"QEMU does not answer {command} ({error})", where=self.name) from None


async def _execute(path: Path, command: str, arguments: dict[str, Any] | None) -> dict[str, Any]:
    client = QMPClient()
    await asyncio.wait_for(client.connect(str(path)), timeout=5)
    try:
        answer = await asyncio.wait_for(client.execute(command, arguments), timeout=5)
        return cast("dict[str, Any]", answer)
    finally:
        await client.disconnect()
