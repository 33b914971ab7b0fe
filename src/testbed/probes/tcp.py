"""The TCP probe: does the site's address take connections? The kernel answers: no program of the site is asked.

The connection is reset at once; a balancer's Apache, which the kernel wakes only when data has come, never
hears of it.
"""

from __future__ import annotations

import socket
import time

from testbed.journal import Outcome, ProbeSample
from testbed.probes.dialling import RESET, Address, Dialling
from testbed.probes.openloop import Done
from testbed.probes.probe_type import PreparedProbe, ProbeSetup, RegisteredProbe, samples_within

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

    def begin(self, due: float, done: Done) -> None:
        """Probe once."""
        started = time.monotonic()

        def dialled(connection: socket.socket | None, why: str) -> None:
            finished = time.monotonic()
            if connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                connection.close()
            outcome = Outcome.OK if connection else Outcome.FAILED
            done(ProbeSample(self.name, due, started, finished, outcome, why))

        Dialling(self._address, self._timeout, dialled)

    async def close(self) -> None:
        """Nothing is kept."""
