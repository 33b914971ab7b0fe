"""A balancer's network: its interfaces, its name, whom it asks for names.

Sources: hostname.if(5), ifconfig(8), resolv.conf(5), sysctl.conf(5); ``etc/netstart`` (1.180), which turns each line of
a ``hostname.if`` file into a call of ``ifconfig`` and insists on files that only root may read.

There is no ``/etc/mygate``, so there is no default route: nothing leaves the testbed.
"""

from __future__ import annotations

from ipaddress import IPv4Interface

from testbed.addresses import kernel_carp
from testbed.openbsd.node.balancer import BACKEND, CONTROL, CONTROL_GUEST, CONTROL_HOST, PUBLIC, VIRTUAL, Balancer

# Connections that may wait for the balancer's server; it asks for 511.
WAITING_CONNECTIONS = 1024


def hostname_if(balancer: Balancer, password: str) -> dict[str, str]:
    """The contents of ``/etc/hostname.<interface>``, by interface.

    Args:
        balancer: whose they are.
        password: of the election, shared by both balancers.

    Raises:
        TestbedError: the password cannot stand in such a file.
    """
    election = kernel_carp.interface_options(balancer.vhid, balancer.advbase, balancer.advskew, PUBLIC, password)
    return {
        PUBLIC: _inet(balancer.public),
        BACKEND: _inet(balancer.backend),
        CONTROL: _inet(CONTROL_GUEST),
        VIRTUAL: _inet(balancer.site_address, election),
    }


def sysctl_conf() -> str:
    """``/etc/sysctl.conf``.

    The kernel lets 128 connections wait for ``accept``, fewer than the balancer's server asks for (511): it would
    drop the SYNs of a crowd that comes back after a failover.
    """
    return (
        f"{kernel_carp.SYSCTL}"
        "net.inet.ip.forwarding=0\n"
        "net.inet6.ip6.forwarding=0\n"
        f"kern.somaxconn={WAITING_CONNECTIONS}\n"
    )


def hosts(balancer: Balancer) -> str:
    """``/etc/hosts``: itself and the site; app nodes are looked up."""
    return (
        "127.0.0.1 localhost\n"
        "::1 localhost\n"
        f"{balancer.public.ip} {balancer.name}\n"
        f"{balancer.site_address.ip} {balancer.site_name}\n"
    )


def resolv_conf() -> str:
    """``/etc/resolv.conf``: the container passes on what it is asked to Docker's resolver."""
    return f"nameserver {CONTROL_HOST}\nlookup file bind\nfamily inet4\n"


def _inet(address: IPv4Interface, options: str = "") -> str:
    line = f"inet {address.ip} {address.netmask} {address.network.broadcast_address}"
    return f"{line} {options}\n" if options else f"{line}\n"
