"""Wires the guest's network cards onto the container's interfaces.

The guest must own the address and the MAC that Docker gave the container, or CARP could not move
addresses between machines. So each interface becomes a port of a bridge without an address, and
takes another MAC; a tap on the same bridge is the guest's cable.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from launcher.settings import LauncherError


@dataclass(frozen=True)
class Nic:
    """One network card of the guest.

    Args:
        name: its name: the network's (``backend``).
        tap: the tap interface QEMU opens.
        mac: the MAC that Docker gave the container.
        address: the IPv4 address that Docker gave the container.
        prefix: length of the network's prefix, bits.
    """

    name: str
    tap: str
    mac: str
    address: str
    prefix: int


def ip(*arguments: str) -> str:
    """Run the program of that name (iproute2).

    Args:
        arguments: its arguments.

    Returns:
        What it printed.

    Raises:
        LauncherError: it failed; with its last message.
    """
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LauncherError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _interface_of(address: str, links: list[dict[str, Any]]) -> tuple[dict[str, Any], int]:
    for link in links:
        for known in link["addr_info"]:
            if known.get("local") == address:
                return link, int(known["prefixlen"])
    raise LauncherError(f"no interface of the container has the address {address}")


def _other_mac(mac: str) -> str:
    """Return a locally administered MAC that differs from Docker's (02:42:..) in its second byte."""
    first, second, rest = mac.split(":", 2)
    return f"{first}:{int(second, 16) ^ 0xFF:02x}:{rest}"


def _wire(name: str, address: str, links: list[dict[str, Any]]) -> Nic:
    link, prefix = _interface_of(address, links)
    interface, mac = str(link["ifname"]), str(link["address"])
    # Names of interfaces end after 15 characters.
    bridge, tap = f"br-{name}"[:15], f"tap-{name}"[:15]
    # No spanning tree delay, no snooping: CARP's multicast and gratuitous ARP pass from the start.
    ip("link", "add", bridge, "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
    ip("tuntap", "add", "dev", tap, "mode", "tap", "vnet_hdr")
    ip("address", "flush", "dev", interface)
    ip("link", "set", interface, "down")
    ip("link", "set", interface, "address", _other_mac(mac))
    for port in (interface, tap):
        ip("link", "set", port, "master", bridge, "up", "addrgenmode", "none")
    ip("link", "set", bridge, "up", "addrgenmode", "none")
    return Nic(name, tap, mac, address, prefix)


def wire(names: tuple[str, ...], environment: Mapping[str, str]) -> list[Nic]:
    """Drop the default route and give the container's interfaces to the guest.

    Args:
        names: the guest's cards; ``<NAME>_ADDRESS`` in the environment finds the interface.
        environment: the container's environment.

    Returns:
        The cards, in the order of ``names``.

    Raises:
        LauncherError: an address is not the container's, or wiring is refused.
    """
    if not names:
        return []
    if ip("route", "show", "default").strip():
        ip("route", "del", "default")
    links: list[dict[str, Any]] = json.loads(ip("-json", "address", "show"))
    nics = []
    for name in names:
        variable = f"{name.upper()}_ADDRESS"
        if not environment.get(variable):
            raise LauncherError(f"VM_NICS names {name}, but {variable} is not set")
        nics.append(_wire(name, environment[variable], links))
    return nics
