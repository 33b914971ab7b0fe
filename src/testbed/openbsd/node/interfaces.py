"""A balancer's network: its interfaces, its name, whom it asks for names.

Sources: hostname.if(5), carp(4), ifconfig(8), resolv.conf(5), sysctl.conf(5); ``etc/netstart`` (1.180), which turns
each line of a ``hostname.if`` file into a call of ``ifconfig`` and insists on files that only root may read.

There is no ``/etc/mygate``, so there is no default route: nothing leaves the testbed.
"""

from __future__ import annotations

from ipaddress import IPv4Interface

from testbed.errors import TestbedError
from testbed.openbsd.node.balancer import BACKEND, CONTROL, CONTROL_GUEST, CONTROL_HOST, PUBLIC, VIRTUAL, Balancer

# Connections that may wait for Apache; it asks for 511.
WAITING_CONNECTIONS = 1024
# ifconfig(8) copies a password into a key of 20 bytes with strlcpy, which keeps a byte for the end
# (sbin/ifconfig/ifconfig.c, setcarp_passwd; CARP_KEY_LEN in ip_carp.h). UCARP keeps all twenty.
PASSWORD_BYTES = 19


def hostname_if(balancer: Balancer, carp_password: str) -> dict[str, str]:
    """The contents of ``/etc/hostname.<interface>``, by interface.

    Args:
        balancer: whose they are.
        carp_password: shared by both balancers; letters and digits, since a shell reads the line.

    Raises:
        TestbedError: the password cannot stand in such a file.
    """
    if not (carp_password.isascii() and carp_password.isalnum() and len(carp_password) <= PASSWORD_BYTES):
        raise TestbedError(
            f"CARP_PASSWORD must be at most {PASSWORD_BYTES} letters and digits",
            fix="`testbed down` and `testbed up` make new secrets",
        )
    carp = (
        f"vhid {balancer.vhid} carpdev {PUBLIC} advbase {balancer.advbase} advskew {balancer.advskew}"
        f" pass {carp_password}"
    )
    return {
        PUBLIC: _inet(balancer.public),
        BACKEND: _inet(balancer.backend),
        CONTROL: _inet(CONTROL_GUEST),
        VIRTUAL: _inet(balancer.site_address, carp),
    }


def sysctl_conf() -> str:
    """``/etc/sysctl.conf``.

    Without ``preempt`` a balancer that comes back stays backup, as UCARP does here: one failover is enough. It takes
    over from a master that is demoted all the same (``carp_proto_input_c`` in ``sys/netinet/ip_carp.c``).

    The kernel lets 128 connections wait for ``accept``, fewer than Apache asks for (``ListenBacklog`` 511): it would
    drop the SYNs of a crowd that comes back after a failover.
    """
    return (
        "net.inet.carp.preempt=0\n"
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
