"""Cuts what comes out of a socket into lines."""

from __future__ import annotations

import socket
from collections.abc import Callable


class Lines:
    """Cuts what comes out of a socket into lines.

    Args:
        wire: the socket.
        take: called with each line.
    """

    def __init__(self, wire: socket.socket, take: Callable[[str], None]) -> None:
        self.wire = wire
        self.take = take
        self.rest = b""

    def read(self) -> bool:
        """Read what there is.

        Returns:
            False when the other end is closed.
        """
        try:
            chunk = self.wire.recv(65536)
        except OSError:
            chunk = b""
        *whole, self.rest = (self.rest + chunk).split(b"\n")
        for line in whole:
            self.take(line.decode(errors="replace").rstrip("\r"))
        return bool(chunk)
