"""Waiting for a machine to lose its power: the kernel closes a socket of QEMU's the moment QEMU ends."""

from __future__ import annotations

import socket
import time
from pathlib import Path

# A machine that gets power raises no event.
POLL_SECONDS = 0.25


def lost_power(path: Path, seconds: float) -> bool:
    """Wait until a machine that has power loses it.

    A machine without power is waited for first: what is reported is the change.

    Args:
        path: a socket that QEMU has open while the machine has power.
        seconds: how long to wait.

    Returns:
        Whether it has lost its power; False when the time is over.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        with socket.socket(socket.AF_UNIX) as wire:
            try:
                wire.connect(str(path))
            except OSError:
                time.sleep(min(POLL_SECONDS, left))
                continue
            wire.settimeout(left)
            try:
                return not wire.recv(1)
            except TimeoutError:
                return False
            except OSError:  # it was still waiting to be let in
                return True
    return False
