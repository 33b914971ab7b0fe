"""The protocol of a node's operating system: its commands, and how to parse their output.

A ``System`` returns scripts for ``sh`` and parses their output. It runs nothing, so it is pure. Faults, the recorder
and the roles know the protocol only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from testbed.machines.node_process import Process


class System(Protocol):
    """An operating system.

    Attributes:
        programs: names of programs that differ from Debian's.
        absent: services that have no process on this system, each with the reason.
        emulates: whether its own kernel can delay packets (tc-netem(8)).
        console: what a VM's serial console shows.
        logs: files below /var/log that the node does not send to the host.
    """

    programs: Mapping[str, str]
    absent: Mapping[str, str]
    emulates: bool
    console: str
    logs: tuple[str, ...]

    def set_interfaces(self, names: Sequence[str], *, up: bool) -> str:
        """Return a script that takes interfaces up or down, in their order."""

    def set_clock(self, seconds: float) -> str:
        """Return a script that sets the wall clock.

        Args:
            seconds: Unix time.
        """

    def list_interfaces(self) -> str:
        """Return a script that lists the interfaces with their addresses."""

    def interface_of(self, address: str, listing: str) -> str:
        """Return the name of the interface that has an address, or an empty string.

        Args:
            address: IPv4.
            listing: output of ``list_interfaces``.
        """

    def list_processes(self, program: str) -> str:
        """Return a script that lists all processes.

        Args:
            program: a file; processes that run it are marked if the system can find them. Empty: none.
        """

    def processes(self, listing: str) -> list[Process]:
        """Return the processes that ``list_processes`` printed; other lines are skipped."""

    def list_listeners(self) -> str:
        """Return a script that lists the TCP sockets."""

    def listening_ports(self, listing: str) -> list[int]:
        """Return the ports with a listener on an interface other than loopback.

        Args:
            listing: output of ``list_listeners``.
        """

    def list_leftovers(self) -> str:
        """Return a script that prints what a run should not leave behind: one line each, with a kind and a detail.

        For each disk of the node itself, it prints ``free``, the free KiB, the device and the mount point.
        """
