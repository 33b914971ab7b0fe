"""The TCP probe, which connects to the site's address. The kernel answers, not a program of the site.

The connection is reset at once. A balancer's server does not notice it, because the kernel wakes it only for data.
"""

from __future__ import annotations

import socket
import time

from testbed.journal import Outcome, ProbeSample
from testbed.probes.open_loop import SampleCallback
from testbed.probes.probe_type import PreparedProbe, ProbeSetup, RegisteredProbe, samples_within
from testbed.probes.tcp_connect import RESET, Address, TcpConnect

HANDSHAKE_SECONDS = 0.95


class TcpProbe(RegisteredProbe):
    """Connects and closes.

    Args:
        address: where to.
        timeout: seconds for the handshake.
    """

    name = "tcp"
    summary = "connects to the site's address"
    unit = "connection"
    interval = 0.02
    hunt_interval = 0.1
    runs_on = "client"
    resources = ("site",)

    def __init__(self, address: Address, timeout: float = HANDSHAKE_SECONDS) -> None:
        self._address = address
        self._timeout = timeout

    @classmethod
    def prepare(cls, setup: ProbeSetup) -> PreparedProbe:
        """Return the probe of the site's address."""
        return PreparedProbe(cls(setup.site_address), samples_within(HANDSHAKE_SECONDS, setup.intervals[cls.name]))

    def begin(self, due: float, done: SampleCallback) -> None:
        """Probe once."""
        started = time.monotonic()

        def connected(connection: socket.socket | None, why: str) -> None:
            finished = time.monotonic()
            if connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                connection.close()
            outcome = Outcome.OK if connection else Outcome.FAILED
            done(ProbeSample(self.name, due, started, finished, outcome, why))

        TcpConnect(self._address, self._timeout, connected)

    async def close(self) -> None:
        """Do nothing."""
