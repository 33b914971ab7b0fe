"""The promise every machine keeps, by whatever means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from testbed.errors import TestbedError
from testbed.topology import Node


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


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line a machine wrote, with the host's wall clock in Unix seconds."""

    wall: float
    text: str


class Unreachable(TestbedError):
    """The machine is off, frozen or does not answer."""


class Machine(Protocol):
    """A machine of the cluster.

    Attributes:
        name: the service's name, with a number behind it where the service is scaled (``app-1``).
        node: the service it belongs to.
    """

    name: str
    node: Node

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

    def pause(self) -> None:
        """Freeze it, as a host hangs: nothing runs, nothing is answered, no cable falls."""

    def unpause(self) -> None:
        """Let it run on."""

    def unplug(self, network: str) -> None:
        """Pull the cable: the machine sees its carrier go."""

    def plug(self, network: str) -> None:
        """Put the cable back."""

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
