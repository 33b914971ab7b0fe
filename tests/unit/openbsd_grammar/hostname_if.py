"""hostname.if(5) for IPv4, with the parameters of carp(4) that ifconfig(8) takes.

From the manual pages, etc/netstart (each line is split by a shell, and evaluated by it), and sbin/ifconfig/ifconfig.c:
``vhid`` is 1 to 255, ``advskew`` and ``advbase`` are 0 to 254 in the manual, a password has at most 20 bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface

from openbsd_grammar.tokens import Refused, in_range

_RANGES = {"vhid": (1, 255), "advbase": (0, 254), "advskew": (0, 254)}


@dataclass
class Interface:
    """What a file gives an interface."""

    address: IPv4Interface
    carp: dict[str, str] = field(default_factory=dict)


def parse(name: str, text: str) -> Interface:
    """Parse the file of an interface.

    Args:
        name: the interface's.
        text: the file.

    Raises:
        Refused: netstart or ifconfig would refuse it.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1:
        raise Refused("one line is due")
    if re.search(r"[^A-Za-z0-9 .]", lines[0]):
        raise Refused("a character that a shell would read")
    fields = lines[0].split()
    if len(fields) < 4 or fields[0] != "inet":
        raise Refused("inet ADDRESS NETMASK BROADCAST is due")
    try:
        address = IPv4Interface(f"{fields[1]}/{fields[2]}")
        broadcast = IPv4Address(fields[3])
    except ValueError as error:
        raise Refused(str(error)) from None
    if str(address.netmask) != fields[2]:
        raise Refused(f"{fields[2]} is not a netmask")
    if broadcast != address.network.broadcast_address:
        raise Refused(f"{broadcast} is not the broadcast address")
    return Interface(address, _carp(name, fields[4:]))


def _carp(name: str, fields: list[str]) -> dict[str, str]:
    if len(fields) % 2:
        raise Refused(f"{fields[-1]} has no value")
    found: dict[str, str] = {}
    for option, value in zip(fields[::2], fields[1::2], strict=True):
        if option in found:
            raise Refused(f"{option} twice")
        _checked(name, option, value)
        found[option] = value
    if found and not name.startswith("carp"):
        raise Refused(f"{name} is not a carp interface")
    if name.startswith("carp") and not {"vhid", "carpdev"} <= set(found):
        raise Refused("a carp interface needs vhid and carpdev")
    return found


def _checked(name: str, option: str, value: str) -> None:
    if option in _RANGES:
        in_range(value, option, *_RANGES[option])
    elif option == "carpdev":
        if not re.fullmatch(r"[a-z]+\d+", value) or value == name:
            raise Refused(f"{value} is not an interface below it")
    elif option == "pass":
        if len(value) > 20:
            raise Refused("the password is too long")
    else:
        raise Refused(f"{option} is not an option")
