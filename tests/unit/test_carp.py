"""CARP advertisements: two that UCARP sent with a password that is known, and what OpenBSD would say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import carp_model as carp
import pytest

# Sent by Debian's UCARP 1.5.2 with `--srcip 192.0.2.11 --addr 192.0.2.10 --vhid 7 --advskew 3 --advbase 1`.
PASSWORD = "correcthorse"
ADDRESS = IPv4Address("192.0.2.10")
FRAMES = (
    bytes.fromhex(
        "01005e00001200005e0000070800451000386ce24000ff706c45c000020be00000122107030700"
        "01296f8a4da2893031b6e8c38c8850d5a2a8c092112f5734d4102efa15d3ce"
    ),
    bytes.fromhex(
        "01005e00001200005e000007080045100038724a4000ff7066ddc000020be00000122107030700"
        "01ebab8d90f32d652ca863375fd283291b84507038029b12519f1cbb3ecb27"
    ),
)
sha1 = partial(hashlib.sha1, usedforsecurity=False)
MESSAGE = 34  # where the CARP message begins in such a frame


def refusals(frame: bytes, password: str = PASSWORD, vhid: int = 7, address: IPv4Address = ADDRESS) -> list[str]:
    return carp.refusals(carp.decode(frame), password, vhid, [address])


def changed(frame: bytes, offset: int, value: int, *, correct: bool = True) -> bytes:
    """The frame with one byte of its message changed, and the checksum corrected."""
    message = bytearray(frame[MESSAGE:])
    message[offset] = value
    if correct:
        message[6:8] = bytes(2)
        message[6:8] = carp.checksum(bytes(message)).to_bytes(2, "big")
    return frame[:MESSAGE] + bytes(message)


def test_every_field_of_a_real_advertisement() -> None:
    found = carp.decode(FRAMES[0])
    assert (found.source, found.target, found.ttl) == (IPv4Address("192.0.2.11"), carp.GROUP, 255)
    assert (found.version, found.kind, found.vhid, found.advskew) == (2, 1, 7, 3)
    assert (found.authlen, found.demote, found.advbase) == (7, 0, 1)
    assert found.counter == 0x8A4DA2893031B6E8
    assert found.whole
    assert found.interval == 1 + 3 / 256


@pytest.mark.parametrize("frame", FRAMES)
def test_openbsd_takes_what_ucarp_sends(frame: bytes) -> None:
    assert refusals(frame) == []
    [difference] = carp.strangeness(carp.decode(frame))
    assert difference == "source MAC is 00:00:5e:00:00:07, OpenBSD's is 00:00:5e:00:01:07"


def test_the_digest_is_hmac_sha1_by_hand() -> None:
    """The two hashes of RFC 2104 spelled out, as ip_carp.c spells them, over what it feeds them."""
    key = PASSWORD.encode().ljust(64, b"\0")
    inner = sha1(bytes(each ^ 0x36 for each in key) + b"\x02\x01\x07" + ADDRESS.packed + FRAMES[0][42:50])
    outer = sha1(bytes(each ^ 0x5C for each in key) + inner.digest())
    found = carp.decode(FRAMES[0])
    assert outer.digest() == found.digest == carp.digest_of(PASSWORD, 7, [ADDRESS], found.counter)


def test_what_openbsd_sends_is_taken_by_both() -> None:
    message = carp.encode(PASSWORD, ADDRESS, vhid=7, advskew=3, counter=0x8A4DA2893031B6E8)
    assert message == FRAMES[0][MESSAGE:]
    demoted = carp.encode(PASSWORD, ADDRESS, vhid=7, advskew=3, demote=128, counter=1)
    found = carp.decode(FRAMES[0][:MESSAGE] + demoted)
    assert (found.demote, found.whole) == (128, True)
    assert carp.refusals(found, PASSWORD, 7, [ADDRESS]) == []


def tampered() -> Iterator[object]:
    frame = FRAMES[0]
    yield pytest.param(changed(frame, 2, 0, correct=False), "checksum failed", id="skew")
    yield pytest.param(changed(frame, 8, 0), "incorrect hash", id="counter")
    yield pytest.param(changed(frame, 35, 0), "incorrect hash", id="digest")
    yield pytest.param(changed(frame, 1, 8), "vhid 8 is not configured here", id="vhid")
    yield pytest.param(changed(frame, 0, 0x31), "invalid version 3, not 2", id="version")
    yield pytest.param(frame[:22] + b"\x40" + frame[23:], "received ttl 64, not 255", id="ttl")
    yield pytest.param(frame[:33] + b"\x13" + frame[34:], "sent to 224.0.0.19, not to the group 224.0.0.18", id="group")


@pytest.mark.parametrize(("frame", "why"), list(tampered()))
def test_a_tampered_one_is_refused(frame: bytes, why: str) -> None:
    assert why in refusals(frame)


def test_another_group_is_refused() -> None:
    assert refusals(FRAMES[0], password="wronghorse") == ["incorrect hash"]
    assert refusals(FRAMES[0], address=IPv4Address("192.0.2.9")) == ["incorrect hash"]


def test_skew_and_demotion_are_guarded_by_the_checksum_alone() -> None:
    assert refusals(changed(FRAMES[0], 2, 200)) == []
    assert refusals(changed(FRAMES[0], 4, 9)) == []


def test_nineteen_bytes_of_a_password_count() -> None:
    assert carp.digest_of("a" * 19, 1, [ADDRESS], 5) == carp.digest_of("a" * 40, 1, [ADDRESS], 5)
    assert carp.digest_of("a" * 18, 1, [ADDRESS], 5) != carp.digest_of("a" * 19, 1, [ADDRESS], 5)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "0 bytes hold no IPv4 packet"),
        (FRAMES[0][:60], "26 bytes, a CARP message has 36"),
        (FRAMES[0][:12] + b"\x86\xdd" + FRAMES[0][14:], r"no IPv4 packet \(Ethernet type 0x86dd\)"),
        (FRAMES[0][:23] + b"\x06" + FRAMES[0][24:], "IP protocol 6, not 112"),
    ],
)
def test_what_is_no_advertisement(frame: bytes, why: str) -> None:
    with pytest.raises(carp.NotCarp, match=why):
        carp.decode(frame)


def test_padding_of_ethernet_is_no_part_of_it() -> None:
    assert carp.decode(FRAMES[0] + b"\xff" * 6) == carp.decode(FRAMES[0])
