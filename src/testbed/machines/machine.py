"""The promise every machine keeps, by whatever means."""

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
    """Whether a machine can do anything at all."""

    ON = "on"
    FROZEN = "frozen"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command on a machine came to."""

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
    """A line a machine wrote, with the host's wall clock in Unix seconds."""

    wall: float
    text: str


# timeout(1): what it ends with when the limit ended the command, and when the command had to be killed (128 + SIGKILL).
TIMED_OUT = 124
KILLED = 137
# A command that does not end when it is asked to (SIGTERM) is killed so much later.
KILL_SECONDS = 2.0


def with_time_limit(command: Sequence[str], seconds: float) -> list[str]:
    """The command under a limit that the machine itself keeps (timeout(1)): nobody who asked needs to be there.

    The limit ends the command and its children; a child that has left for a session of its own (setsid(1)) goes on.
    """
    return ["timeout", "-k", f"{KILL_SECONDS:g}", f"{seconds:g}", *command]


class Unreachable(TestbedError):
    """The machine is off, frozen or does not answer."""


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
    """A machine of the cluster.

    Attributes:
        name: the service's name, with a number behind it where the service is scaled (``app-1``).
        node: the service it belongs to.
        system: its operating system's own commands.
    """

    name: str
    node: Node
    system: System

    def power(self) -> Power:
        """Whether it is on."""

    def ready(self) -> bool:
        """Whether its operating system answers commands."""

    def started_at(self) -> float:
        """When its power last came, Unix seconds."""

    def start(self) -> None:
        """Give it power; returns before it has booted."""

    def stop(self) -> None:
        """Shut it down in order."""

    def kill(self) -> None:
        """Cut its power."""

    def reset(self) -> None:
        """Restart it without warning, as by its reset button: nothing is stopped, nothing is written."""

    def pause(self) -> None:
        """Freeze it, as a host hangs: nothing runs, nothing is answered, no cable falls."""

    def unpause(self) -> None:
        """Let it run on."""

    def unplug(self, *networks: str) -> None:
        """Pull cables, in this order: the machine sees their carriers go."""

    def plug(self, *networks: str) -> None:
        """Put cables back, in this order."""

    def drop_packets(self, network: str, name: str, ways: Collection[Way], which: str = "") -> None:
        """Drop packets on a cable, outside the machine: nothing in it is told.

        Args:
            network: which cable.
            name: by which ``pass_packets`` knows it; what bears it already is replaced.
            ways: ``in``: what the machine should receive; ``out``: what it sends.
            which: a condition (nft(8)); by default all packets.

        Raises:
            TestbedError: it is refused.
        """

    def pass_packets(self, name: str) -> None:
        """Drop none any more; no error when none are dropped."""

    def filter(self, script: str) -> None:
        """Load an nftables script (nft(8)) into the machine's network namespace.

        Raises:
            TestbedError: it is refused.
        """

    def tc(self, network: str, *words: str, inward: bool = False) -> str:
        """Run ``tc WORDS dev PORT ...`` (tc(8)) on one end of its cable.

        Args:
            network: which cable.
            words: for example ``qdisc``, ``add`` and what comes behind the device, a ``DEV`` among them.
            inward: the host's end, which sends to the machine; by default its port, which sends from it.

        Returns:
            What it wrote.

        Raises:
            TestbedError: it is refused.
        """

    def try_tc(self, *words: str) -> None:
        """Run tc (tc(8)) with the kernel of the host, in a network namespace that is gone afterwards.

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
        """Let the disk work again; nothing changes if it does."""

    def copy_disk(self, number: int, target: Path) -> None:
        """Copy a disk of the machine's own, whole, as it is at this moment.

        Args:
            number: from 0.
            target: the file to make, in the format qcow2.

        Raises:
            TestbedError: it has none, or it cannot be copied.
        """

    def replace_disk(self, name: str, source: Path) -> None:
        """Put another disk into the machine, which is off.

        Args:
            name: of the disk's file in the machine's container, such as ``data.qcow2``.
            source: a whole disk in the format qcow2.

        Raises:
            TestbedError: it has none.
        """

    def interface(self, network: str) -> str:
        """The name the machine's own system has for its interface on ``network``."""

    def exec(self, command: Sequence[str], timeout: float = 30) -> ExecResult:
        """Run a command as root and wait for it.

        Args:
            command: program and arguments.
            timeout: seconds to wait for its end.

        Raises:
            Unreachable: the machine does not answer.
        """

    def logs(self, since: float | None = None, tail: int | None = None, follow: bool = False) -> Iterator[LogLine]:
        """Its log, oldest first.

        Args:
            since: wall-clock Unix seconds; only lines from then on.
            tail: only that many last lines.
            follow: go on with new lines as they come.
        """

    def console(self) -> Path | None:
        """The socket of its serial console, if it has one."""

    def agent(self) -> Path | None:
        """The socket of its QEMU guest agent, if it has one."""
