"""Record the packets of some interfaces to standard output, in the format of libpcap, until a limit is reached.

This program runs in a short-lived container: ``python3 -c "$(cat packets.py)" SECONDS BYTES INTERFACE...``. It
imports nothing of testbed, and needs no tcpdump. It writes the packets of both directions, once for each interface that
carries them, and ends at a limit or by SIGTERM.

Sources: packet(7), socket(7) (SO_TIMESTAMPNS), draft-ietf-opsawg-pcap (the file's format).
"""

from __future__ import annotations

import select
import signal
import socket
import struct
import sys
import time
from typing import BinaryIO

# Nanoseconds, version 2.4, Ethernet.
MAGIC, SNAP, ETHERNET = 0xA1B23C4D, 262144, 1
HEADER = struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, SNAP, ETHERNET)
RECORD = struct.Struct("<IIII")
# linux/if_ether.h, linux/if_packet.h and asm-generic/socket.h; Python's socket module lacks them.
ETH_P_ALL = 3
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1
SO_TIMESTAMPNS = 35
TIME = struct.Struct("@ll")
BUFFER_BYTES = 8 * 1024 * 1024


def record(seconds: int, nanoseconds: int, packet: bytes, length: int) -> bytes:
    """Return a packet as the file holds it.

    Args:
        seconds: time in the kernel, Unix seconds.
        nanoseconds: fraction of that second.
        packet: the captured part.
        length: the packet's full length.
    """
    return RECORD.pack(seconds, nanoseconds, len(packet), length) + packet


def opened(interface: str) -> socket.socket:
    """Open a socket that gets every packet of an interface."""
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    end.bind((interface, ETH_P_ALL))
    # A bridge passes frames between its ports up only in promiscuous mode.
    number = socket.if_nametoindex(interface)
    end.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", number, PACKET_MR_PROMISC, 0, b""))
    return end


def received(end: socket.socket) -> bytes:
    """Return the next packet as the file holds it."""
    packet, ancillary, flags, _ = end.recvmsg(SNAP, socket.CMSG_SPACE(TIME.size))
    at = time.time_ns()
    stamp = divmod(at, 10**9)
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            stamp = TIME.unpack(data[: TIME.size])
    length = len(packet) + (1 if flags & socket.MSG_TRUNC else 0)
    return record(stamp[0], stamp[1], packet, length)


def capture(ends: list[socket.socket], out: BinaryIO, seconds: float, most: int) -> None:
    """Write packets until the time is over or the next one would make the file too large."""
    size = out.write(HEADER)
    out.flush()
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        for end in select.select(ends, [], [], left)[0]:
            packet = received(end)
            if size + len(packet) > most:
                return
            size += out.write(packet)
        out.flush()


def main(arguments: list[str]) -> None:
    """Capture; the arguments are seconds, bytes and the interfaces."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        capture([opened(name) for name in arguments[2:]], sys.stdout.buffer, float(arguments[0]), int(arguments[1]))
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
