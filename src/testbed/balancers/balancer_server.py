"""What testbed asks of the server that balances."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from testbed.balancers.pool_member_state import Member

if TYPE_CHECKING:
    from testbed.openbsd.node.balancer import Balancer
    from testbed.topology import Topology


class BalancerServer(ABC):
    """The server that balances: its configuration, and how its answers are read. Pure but for templates.

    testbed does not ask how a member is drained, tried or forgotten: the node's programs ``pool-member``,
    ``try-member`` and ``forget-member`` do it (docs/contract.md).

    Attributes:
        title: as messages name it.
        version_commands: what prints its version, by platform.
        openbsd_packages: stems of OpenBSD's packages that it comes in.
    """

    title: ClassVar[str]
    version_commands: ClassVar[Mapping[str, tuple[str, ...]]]
    openbsd_packages: ClassVar[tuple[str, ...]]

    @abstractmethod
    def runs(self, sections: Mapping[str, str]) -> bool:
        """Whether it runs on a balancer.

        Args:
            sections: of the balancer's ``node-state``.
        """

    @abstractmethod
    def members(self, sections: Mapping[str, str]) -> Iterator[Member]:
        """Return the members of all its pools; none when it does not answer.

        Args:
            sections: of the balancer's ``node-state``.
        """

    @abstractmethod
    def member_state(self, status: str) -> str:
        """Return the state of a member, as ``Member.state``.

        Args:
            status: in the server's own words, as the event ``member`` in a balancer's log has it.
        """

    @abstractmethod
    def configuration(self, topology: Topology) -> Mapping[str, str]:
        """Return its configuration of pools and dispatch: contents by file name, below ``/etc/testbed``.

        Args:
            topology: the cluster.
        """

    @abstractmethod
    def openbsd_files(self, balancer: Balancer, templates: Path) -> Mapping[str, str]:
        """Return its files on an OpenBSD balancer: contents by path below its root.

        Args:
            balancer: whose they are.
            templates: the folder of the Debian platform's files (``images/lb``).

        Raises:
            TestbedError: a template does not fit, or there is no such server for OpenBSD.
        """
