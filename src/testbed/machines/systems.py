"""What a machine's operating system is told and asked: each system's own commands, and what their output means.

A ``System`` writes scripts for ``sh`` and reads what they print; it runs nothing, so all of it is pure. Faults, the
recorder and the roles know the protocol only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from testbed.machines.processes import Process


class System(Protocol):
    """An operating system.

    Attributes:
        programs: its name of a program, where it differs from Debian's.
        absent: services that are no processes here, and why.
        emulates: whether its own kernel can delay packets (tc-netem(8)).
        console: what whoever attaches to a VM's serial console finds.
        logs: files below /var/log that tell what the machine does not tell the host by itself.
    """

    programs: Mapping[str, str]
    absent: Mapping[str, str]
    emulates: bool
    console: str
    logs: tuple[str, ...]

    def set_interfaces(self, names: Sequence[str], *, up: bool) -> str:
        """Script that takes interfaces up or down, in their order."""

    def set_clock(self, seconds: float) -> str:
        """Script that sets the wall clock.

        Args:
            seconds: Unix time.
        """

    def list_interfaces(self) -> str:
        """Script that lists the interfaces with their addresses."""

    def interface_of(self, address: str, listing: str) -> str:
        """Name of the interface that has an address, empty when none has.

        Args:
            address: IPv4.
            listing: what ``list_interfaces`` printed.
        """

    def list_processes(self, program: str) -> str:
        """Script that lists all processes.

        Args:
            program: a file; processes that run it are to be marked where the system can tell. Empty: none.
        """

    def processes(self, listing: str) -> list[Process]:
        """The processes that ``list_processes`` printed; a line that is none is left out."""

    def list_listeners(self) -> str:
        """Script that lists the TCP sockets."""

    def listening_ports(self, listing: str) -> list[int]:
        """The ports that are listened on at more than the loopback interface.

        Args:
            listing: what ``list_listeners`` printed.
        """

    def look_around(self) -> str:
        """Script that prints what a run should not leave behind, a line each: what, a blank, and which.

        And for each disk of the node's own ``free``, KiB that are free, the device and where it is mounted.
        """
