"""CARP on the wire: an advertisement decoded, and judged as OpenBSD's kernel judges it. Pure: bytes in, facts out.

There is no RFC. The format is what OpenBSD's ``sys/netinet/ip_carp.h`` declares (``struct carp_header``), the rules are
what ``ip_carp.c`` (revisions 1.270 to 1.370) does with it: ``carp_proto_input_if``, ``carp_proto_input_c``,
``carp_hmac_prepare_ctx``; the frame around it is what ``carp_send_ad`` makes::

    byte 0     version (4 bits), type (4 bits)       byte 5      advbase, seconds
    byte 1     vhid                                  bytes 6-7   Internet checksum over the 36 bytes
    byte 2     advskew, 1/256 seconds                bytes 8-15  counter
    byte 3     authlen: 7 words of counter and md    bytes 16-35 HMAC-SHA1
    byte 4     demotion counter

UCARP sends the older form of the same thing, whose byte 4 is reserved and zero, as for a node that is not demoted.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from testbed.addresses.kernel_carp import PASSWORD_BYTES

PROTOCOL = 112
TTL = 255
VERSION = 2
ADVERTISEMENT = 1
AUTHLEN = 7
GROUP = IPv4Address("224.0.0.18")
GROUP_MAC = bytes.fromhex("01005e000012")
KEY_BYTES = 20
_HEADER = struct.Struct("!BBBBBBHQ20s")
_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = 0x0800


class NotCarp(ValueError):
    """The frame holds no CARP advertisement; the message says why."""


@dataclass(frozen=True, slots=True)
class Advertisement:
    """A CARP advertisement and the frame that carried it.

    Attributes:
        source_mac: the frame's sender, six bytes.
        target_mac: where it was sent to, six bytes.
        source: the packet's sender.
        target: the packet's destination.
        ttl: time to live.
        version: of the protocol.
        kind: type of the message.
        vhid: number of the group that shares an address.
        advskew: what is added to each interval, 1/256 seconds.
        authlen: length of counter and digest, 32-bit words.
        demote: demotion counter; 0 unless something is wrong with the sender.
        advbase: interval between advertisements, seconds.
        counter: against replay.
        digest: HMAC-SHA1 over what ``digest_of`` says.
        whole: whether the checksum over the message is right.
    """

    source_mac: bytes
    target_mac: bytes
    source: IPv4Address
    target: IPv4Address
    ttl: int
    version: int
    kind: int
    vhid: int
    advskew: int
    authlen: int
    demote: int
    advbase: int
    counter: int
    digest: bytes
    whole: bool

    @property
    def interval(self) -> float:
        """Seconds between two advertisements of this sender."""
        return self.advbase + self.advskew / 256


def virtual_mac(vhid: int) -> bytes:
    """The Ethernet address that belongs to a group: 00:00:5e:00:01:VHID (``carp_set_enaddr``)."""
    return bytes.fromhex("00005e0001") + bytes([vhid])


def decode(frame: bytes) -> Advertisement:
    """Read an Ethernet frame.

    Args:
        frame: from the destination's address on, without the checksum behind it.

    Raises:
        NotCarp: it is something else, or cut off.
    """
    if len(frame) < _ETHERNET.size + 20:
        raise NotCarp(f"{len(frame)} bytes hold no IPv4 packet")
    target_mac, source_mac, kind = _ETHERNET.unpack_from(frame)
    packet = frame[_ETHERNET.size :]
    if kind != _IPV4 or packet[0] >> 4 != 4:
        raise NotCarp(f"no IPv4 packet (Ethernet type {kind:#06x})")
    length, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    if packet[9] != PROTOCOL:
        raise NotCarp(f"IP protocol {packet[9]}, not {PROTOCOL}")
    message = packet[length:total]  # Ethernet pads short frames
    if len(message) < _HEADER.size:
        raise NotCarp(f"{len(message)} bytes, a CARP message has {_HEADER.size}")
    message = message[: _HEADER.size]
    first, vhid, advskew, authlen, demote, advbase, _, counter, digest = _HEADER.unpack(message)
    return Advertisement(
        source_mac, target_mac, IPv4Address(packet[12:16]), IPv4Address(packet[16:20]), packet[8],
        first >> 4, first & 15, vhid, advskew, authlen, demote, advbase, counter, digest, checksum(message) == 0,
    )  # fmt: skip


def encode(
    password: str, address: IPv4Address, *, vhid: int, advskew: int = 0, advbase: int = 1, demote: int = 0, counter: int
) -> bytes:
    """The 36 bytes of an advertisement as OpenBSD sends it (``carp_send_ad``).

    Args:
        password: of the group.
        address: the address it shares.
        vhid: the group's number.
        advskew: 1/256 seconds.
        advbase: seconds.
        demote: demotion counter.
        counter: against replay.
    """
    digest = digest_of(password, vhid, [address], counter)
    fields = (VERSION << 4 | ADVERTISEMENT, vhid, advskew, AUTHLEN, demote, advbase)
    return _HEADER.pack(*fields, checksum(_HEADER.pack(*fields, 0, counter, digest)), counter, digest)


def digest_of(password: str, vhid: int, addresses: Sequence[IPv4Address], counter: int) -> bytes:
    """The HMAC-SHA1 that a member of the group computes (``carp_hmac_prepare_ctx``, ``carp_hmac_generate``).

    The key is the password in twenty bytes, padded with zeros; what is hashed are the constants version and type, the
    group's number, its addresses from the smallest to the largest, and the counter. Interval, skew and demotion are
    protected by nothing but the checksum.

    Args:
        password: of the group; ``PASSWORD_BYTES`` count.
        vhid: the group's number.
        addresses: all IPv4 addresses the group shares.
        counter: of the advertisement.
    """
    key = password.encode()[:PASSWORD_BYTES].ljust(KEY_BYTES, b"\0")
    text = bytes([VERSION, ADVERTISEMENT, vhid]) + b"".join(address.packed for address in sorted(addresses))
    return hmac.digest(key, text + counter.to_bytes(8, "big"), hashlib.sha1)


def refusals(advertisement: Advertisement, password: str, vhid: int, addresses: Sequence[IPv4Address]) -> list[str]:
    """Why OpenBSD would drop this advertisement, in the order of its checks; an empty list: it takes it.

    Args:
        advertisement: the advertisement.
        password: of the receiving group.
        vhid: the receiving group's number.
        addresses: the receiving group's addresses.
    """
    return list(_refusals(advertisement, password, vhid, addresses))


def strangeness(advertisement: Advertisement) -> list[str]:
    """In what an advertisement differs from those that OpenBSD sends, although OpenBSD would not mind."""
    found = {
        "type": (advertisement.kind, ADVERTISEMENT),
        "authlen": (advertisement.authlen, AUTHLEN),
        "source MAC": (advertisement.source_mac.hex(":"), virtual_mac(advertisement.vhid).hex(":")),
        "destination MAC": (advertisement.target_mac.hex(":"), GROUP_MAC.hex(":")),
    }
    return [
        f"{name} is {is_now}, OpenBSD's is {wanted}" for name, (is_now, wanted) in found.items() if is_now != wanted
    ]


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes; 0 over bytes that hold their own."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _refusals(
    advertisement: Advertisement, password: str, vhid: int, addresses: Sequence[IPv4Address]
) -> Iterator[str]:
    if advertisement.target != GROUP:
        yield f"sent to {advertisement.target}, not to the group {GROUP}"
    if advertisement.ttl != TTL:
        yield f"received ttl {advertisement.ttl}, not {TTL}"
    if not advertisement.whole:
        yield "checksum failed"
    if advertisement.vhid != vhid:
        yield f"vhid {advertisement.vhid} is not configured here"
    if advertisement.version != VERSION:
        yield f"invalid version {advertisement.version}, not {VERSION}"
    if not hmac.compare_digest(advertisement.digest, digest_of(password, vhid, addresses, advertisement.counter)):
        yield "incorrect hash"
