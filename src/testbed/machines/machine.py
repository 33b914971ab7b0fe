"""The Machine protocol: operations on a node that a container and a VM implement differently."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from testbed.errors import TestbedError
from testbed.machines.systems import System
from testbed.output_line import last_line
from testbed.topology import Node

# The way that a packet takes, seen from the machine.
Way = Literal["in", "out"]


class Power(StrEnum):
    """Whether a node runs."""

    ON = "on"
    FROZEN = "frozen"
    OFF = "off"


# By the engine's name of a container's state; in every state that is not named, the node is off.
LISTED_POWERS = {"running": Power.ON, "restarting": Power.ON, "paused": Power.FROZEN}


@dataclass(frozen=True, slots=True)
class ExecResult:
    """The exit status and output of a command on a node."""

    status: int
    stdout: str
    stderr: str

    def check(self, failure: str, where: str) -> str:
        """Return the output of a command that must succeed.

        Args:
            failure: what has failed when the command fails, for the message; empty if the command names it.
            where: the node.

        Raises:
            TestbedError: it failed; with the last line that it wrote.
        """
        if self.status:
            reason = last_line(self.stderr, self.stdout, otherwise=f"status {self.status}")
            raise TestbedError(f"{failure}: {reason}" if failure else reason, where=where)
        return self.stdout


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a node's log, with the host's wall clock in Unix seconds."""

    wall: float
    text: str


# Exit statuses of timeout(1): the command ended at the limit, or had to be killed (128 + SIGKILL).
TIMED_OUT = 124
KILLED = 137
# A command that ignores SIGTERM is killed so much later.
KILL_SECONDS = 2.0


def with_time_limit(command: Sequence[str], seconds: float) -> list[str]:
    """Return the command with a time limit that the node itself enforces (timeout(1)).

    The limit ends the command and its children. A child in a session of its own (setsid(1)) continues.
    """
    return ["timeout", "-k", f"{KILL_SECONDS:g}", f"{seconds:g}", *command]


class Unreachable(TestbedError):
    """The node is off, is frozen or does not answer."""


def off_reason(*machines: Machine) -> str:
    """Return which of these machines is off, with the last line of its log; empty when none is off.

    A wait that needs them ends with this reason (``wait_until``).
    """
    off = next((each for each in machines if each.power() is Power.OFF), None)
    return f"{off.name} went off: {last_log_line(off)}" if off else ""


def last_log_line(machine: Machine) -> str:
    """Return the last line of a machine's log."""
    last = list(machine.logs(tail=1))
    return last[0].text if last else "it wrote nothing"


class Machine(Protocol):
    """A node of the cluster.

    Attributes:
        name: the service's name, followed by a number if the service is scaled (``app-1``).
        node: the service it belongs to.
        system: its operating system's own commands.
    """

    name: str
    node: Node
    system: System

    def power(self) -> Power:
        """Return whether it runs."""

    def listed_power(self) -> Power:
        """Return whether it ran when the fleet listed it, which costs no request; for use right after the listing."""

    def ready(self) -> bool:
        """Return whether its operating system runs commands."""

    def started_at(self) -> float:
        """Return when it last got power, Unix seconds."""

    def start(self) -> None:
        """Give it power, and return before it has booted."""

    def stop(self) -> None:
        """Shut it down gracefully."""

    def kill(self) -> None:
        """Cut its power."""

    def reset(self) -> None:
        """Restart it without a shutdown, as by its reset button."""

    def pause(self) -> None:
        """Freeze it: nothing runs, nothing is answered, and the carriers stay."""

    def unpause(self) -> None:
        """Thaw it."""

    def unplug(self, *networks: str) -> None:
        """Pull cables, in this order: the node loses their carriers."""

    def plug(self, *networks: str) -> None:
        """Put cables back, in this order."""

    def drop_packets(self, network: str, name: str, ways: Collection[Way], which: str = "") -> None:
        """Drop packets on a cable, outside the node, so that the node cannot notice it.

        Args:
            network: which cable.
            name: name of the rules for ``pass_packets``; rules of that name are replaced.
            ways: ``in``: packets to the node; ``out``: packets from the node.
            which: a condition (nft(8)); by default all packets.

        Raises:
            TestbedError: nft or tc refuses.
        """

    def pass_packets(self, name: str) -> None:
        """Remove the rules of this name, if there are any."""

    def filter(self, script: str) -> str:
        """Load an nftables script (nft(8)) into the node's network namespace, and return what it lists.

        Raises:
            TestbedError: nft or tc refuses.
        """

    def tc(self, network: str, *arguments: str, inward: bool = False) -> str:
        """Run ``tc ARGUMENTS dev PORT ...`` (tc(8)) on one end of its cable.

        Args:
            network: which cable.
            arguments: such as ``qdisc``, ``add``; ``DEV`` stands for the device.
            inward: the host's end, which sends to the node; by default the node's end.

        Returns:
            Its output.

        Raises:
            TestbedError: nft or tc refuses.
        """

    def try_tc(self, *arguments: str) -> None:
        """Run tc (tc(8)) with the kernel of the host, in a temporary network namespace.

        Raises:
            TestbedError: the kernel refuses.
        """

    def break_disk(self, number: int) -> None:
        """Let every request to a disk fail with an I/O error.

        Args:
            number: which disk, from 0.

        Raises:
            TestbedError: it has no disk of its own.
        """

    def repair_disk(self, number: int) -> None:
        """Let the disk work again; nothing changes if it works."""

    def copy_disk(self, number: int, target: Path) -> None:
        """Copy a complete disk of the node, as it is at this moment.

        Args:
            number: from 0.
            target: the new file, in the format qcow2.

        Raises:
            TestbedError: it has none, or it cannot be copied.
        """

    def replace_disk(self, name: str, source: Path) -> None:
        """Replace a disk of a node that is off.

        Args:
            name: name of the disk's file in the node's container, such as ``data.qcow2``.
            source: a complete disk in the format qcow2.

        Raises:
            TestbedError: it has none.
        """

    def missing_networks(self) -> tuple[str, ...]:
        """Return the networks of its service that its container is not connected to."""
        ...

    def connect_networks(self) -> None:
        """Connect its container to the networks that it misses."""
        ...

    def interface(self, network: str) -> str:
        """Return the name of its interface on ``network``, in its own system."""

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command as root and wait for it.

        Args:
            command: program and arguments.
            timeout: seconds to wait for its end.

        Raises:
            Unreachable: the node does not answer.
        """

    def look(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command that only reads, by the quickest way there is; otherwise as ``exec``.

        Args:
            command: program and arguments.
            timeout: seconds to wait for its end.

        Raises:
            Unreachable: the node does not answer.
        """

    def logs(self, since: float | None = None, tail: int | None = None, follow: bool = False) -> Iterator[LogLine]:
        """Return its log, oldest line first.

        Args:
            since: wall-clock Unix seconds; only lines from then on.
            tail: only that many last lines.
            follow: also return new lines as they come.
        """

    def console(self) -> Path | None:
        """Return the socket of its serial console, if it has one."""

    def agent(self) -> Path | None:
        """Return the socket of its QEMU guest agent, if it has one."""
