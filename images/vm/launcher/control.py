"""The control network: a cable between the container and its guest that no other machine is on.

The container has its own address there, although it has given all those of Docker's networks to the guest; commands
reach the guest over it, and the guest's questions for names reach Docker's resolver, which answers in the container's
network namespace alone.
"""

from __future__ import annotations

import ipaddress
import socket
import socketserver
import threading

from launcher.network import Nic, ip
from launcher.settings import LauncherError

NAME = "control"
RESOLVER = ("127.0.0.11", 53)
SECONDS = 3.0
# The longest answer that fits into a UDP packet.
LONGEST = 65535
# Locally administered; the network has two ends, so every guest may have the same one.
MAC = "02:74:62:00:00:02"


def wire(text: str) -> Nic:
    """Make the cable.

    Args:
        text: the container's own address on it with the length of its prefix, such as ``169.254.77.1/30``.

    Returns:
        The guest's card; its address is the other one of the two.

    Raises:
        LauncherError: that is not a network of two, or it cannot be made.
    """
    try:
        own = ipaddress.IPv4Interface(text)
        [guest] = [address for address in own.network.hosts() if address != own.ip]
    except ValueError:
        raise LauncherError(f"VM_CONTROL must be an address in a network of two, not {text!r}") from None
    tap = f"tap-{NAME}"
    ip("tuntap", "add", "dev", tap, "mode", "tap", "vnet_hdr")
    ip("address", "add", str(own), "dev", tap)
    ip("link", "set", tap, "up", "addrgenmode", "none")
    return Nic(NAME, tap, MAC, str(guest), own.network.prefixlen)


class _Question(socketserver.BaseRequestHandler):
    """Passes one question on, and the answer back; without an answer the guest asks again by itself."""

    request: tuple[bytes, socket.socket]

    def handle(self) -> None:
        question, wire_socket = self.request
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
                resolver.settimeout(SECONDS)
                resolver.connect(RESOLVER)
                resolver.send(question)
                wire_socket.sendto(resolver.recv(LONGEST), self.client_address)
        except OSError:
            return  # no answer came, or the guest is gone


class _Relay(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = LONGEST


def relay_names(text: str) -> None:
    """Answer the guest's questions for names, in threads that end with the launcher.

    Args:
        text: the container's own address, as for ``wire``.

    Raises:
        LauncherError: it may not listen there.
    """
    address = str(ipaddress.IPv4Interface(text).ip)
    try:
        relay = _Relay((address, 53), _Question)
    except OSError as error:
        raise LauncherError(f"no names can be relayed at {address}: {error.strerror}") from error
    threading.Thread(target=relay.serve_forever, name="relay of names", daemon=True).start()
