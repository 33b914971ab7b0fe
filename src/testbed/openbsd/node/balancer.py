"""One balancer's facts, taken from the topology and checked once: its files are made of nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from testbed.addresses import kernel_carp
from testbed.errors import UsageError
from testbed.topology import Node, Topology

# The launcher makes the network cards in this order, and virtio's driver counts them: vio(4).
PUBLIC, BACKEND, CONTROL, VIRTUAL = "vio0", "vio1", "vio2", kernel_carp.INTERFACE
# A network of two that exists between the guest and its own container alone (link-local, RFC 3927).
CONTROL_HOST = IPv4Address("169.254.77.1")
CONTROL_GUEST = IPv4Interface("169.254.77.2/30")


@dataclass(frozen=True)
class Balancer:
    """What differs between the balancers.

    Args:
        name: the node's name.
        site_name: the name clients use.
        site_address: the virtual address, in the network of ``public``.
        public: its own address where clients are.
        backend: its own address where app nodes are.
        vhid: number of the virtual host, 1 to 255.
        advbase: seconds between advertisements, 1 to 254.
        advskew: 1/256 s that are added to ``advbase``, 0 to 254.
        ports: where the applications listen on the app nodes.
        retry_seconds: how long the server leaves a failed app node alone.
        request_seconds: how long an app node may take over a request.
        member_check: parameters of the server's active health checks of app nodes.
        peer: the other balancer where clients are; None where nothing asks it.
        neighbours: addresses there of which one answers as long as this balancer is not cut off; its own may be among
            them.
    """

    name: str
    site_name: str
    site_address: IPv4Interface
    public: IPv4Interface
    backend: IPv4Interface
    vhid: int
    advbase: int
    advskew: int
    ports: tuple[int, ...]
    retry_seconds: int
    request_seconds: int
    member_check: str
    peer: IPv4Address | None
    neighbours: tuple[IPv4Address, ...]

    @classmethod
    def of(cls, topology: Topology, name: str) -> Balancer:
        """A balancer of the topology.

        Args:
            name: the node's name.

        Raises:
            UsageError: something in its Compose service cannot be.
        """
        node = topology.nodes[name]
        if not re.fullmatch(r"[a-z0-9-]{1,63}", name):
            raise UsageError(f"{name!r} cannot be a host's name", where=f"services.{name}", fix="use a-z, 0-9 and -")
        public = topology.networks[topology.site.network]
        return cls(
            name=name,
            site_name=topology.site.name,
            site_address=IPv4Interface((topology.site.address, public.prefixlen)),
            public=_own_address(topology, node, topology.site.network),
            backend=_own_address(topology, node, topology.database.network),
            vhid=_number(node, "CARP_VHID", 1, 255),
            advbase=_number(node, "CARP_ADVBASE", 1, 254),
            advskew=_number(node, "CARP_ADVSKEW", 0, 254),
            ports=tuple(sorted(each.port for each in topology.applications.values())),
            retry_seconds=_number(node, "RETRY_SECONDS", 0, 86400),
            request_seconds=_number(node, "REQUEST_SECONDS", 1, 86400),
            member_check=node.environment.get("MEMBER_CHECK", "hcmethod=NONE"),
            peer=next(iter(_addresses(node, "PEER_ADDRESS")), None),
            neighbours=tuple(_addresses(node, "NEIGHBOURS")),
        )


def _own_address(topology: Topology, node: Node, network: str) -> IPv4Interface:
    address = node.addresses.get(network)
    if address is None:
        where = f"services.{node.name}.networks.{network}"
        raise UsageError("a balancer needs an address of its own here", where=where, fix="give it an ipv4_address")
    return IPv4Interface((address, topology.networks[network].prefixlen))


def _addresses(node: Node, variable: str) -> list[IPv4Address]:
    text = node.environment.get(variable, "")
    try:
        return [IPv4Address(word) for word in text.split()]
    except ValueError as error:
        raise UsageError(
            str(error), where=f"services.{node.name}.environment.{variable}", fix="use IPv4 addresses"
        ) from None


def _number(node: Node, variable: str, least: int, most: int) -> int:
    text = node.environment.get(variable, "")
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise UsageError(
            f"{text!r} is not a number from {least} to {most}" if text else "it is missing",
            where=f"services.{node.name}.environment.{variable}",
            fix=f"use a number from {least} to {most}",
        )
    return int(text)
