"""DHCP answers and TFTP requests out of a packet capture (libpcap's file format, Ethernet, IPv4, UDP)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FILE_HEADER = 24
_COOKIE = bytes((99, 130, 83, 99))
ACK = 5
MESSAGE_TYPE = 53


@dataclass(frozen=True)
class Answer:
    """A DHCP server's answer.

    Args:
        address: the one it gives.
        next_server: of the packet's header.
        file: of the packet's header.
        options: number to content.
    """

    address: str
    next_server: str
    file: str
    options: dict[int, bytes]


def datagrams(capture: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield source port, destination port and content of each UDP datagram."""
    data = capture.read_bytes()
    at = _FILE_HEADER
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_UDP:
            continue
        start = 14 + (frame[14] & 15) * 4
        source, target = struct.unpack_from(">HH", frame, start)
        yield source, target, frame[start + 8 :]


def dhcp_answers(capture: Path) -> list[Answer]:
    """Return what a DHCP server sent."""
    return [_answer(content) for source, target, content in datagrams(capture) if (source, target) == (67, 68)]


def tftp_requests(capture: Path) -> list[str]:
    """Return the names of the files that were asked for by TFTP."""
    wanted = (content for _, target, content in datagrams(capture) if target == 69)
    return [content[2:].split(b"\0")[0].decode() for content in wanted if content[:2] == b"\0\x01"]


def _answer(content: bytes) -> Answer:
    assert content[236:240] == _COOKIE
    options: dict[int, bytes] = {}
    at = 240
    while content[at] != 255:
        if content[at] == 0:
            at += 1
            continue
        options[content[at]] = content[at + 2 : at + 2 + content[at + 1]]
        at += 2 + content[at + 1]
    file = content[108:236].split(b"\0")[0].decode()
    return Answer(socket.inet_ntoa(content[16:20]), socket.inet_ntoa(content[20:24]), file, options)
