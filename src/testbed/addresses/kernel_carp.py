"""CARP in OpenBSD's kernel: carp(4).

Sources: carp(4), hostname.if(5), ifconfig(8), pf.conf(5), sysctl.conf(5).

The address lies on the interface ``carp0`` all the time, and counts while that is master. ``ifconfig carp0`` prints
``carp: MASTER carpdev vio0 vhid 1 ...`` (ifconfig(8), ``carp_status`` in ifconfig.c).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Network

from testbed.addresses.address_mechanism import AddressMechanism
from testbed.errors import TestbedError
from testbed.node_sections import section

INTERFACE = "carp0"
# Without ``preempt`` a balancer that comes back stays backup, as UCARP does here: one failover is enough. It takes over
# from a master that is demoted all the same (``carp_proto_input_c`` in ``sys/netinet/ip_carp.c``).
SYSCTL = "net.inet.carp.preempt=0\n"
# ifconfig(8) copies a password into a key of 20 bytes with strlcpy, which keeps a byte for the end
# (sbin/ifconfig/ifconfig.c, setcarp_passwd; CARP_KEY_LEN in ip_carp.h). UCARP keeps all twenty.
PASSWORD_BYTES = 19
WHY_NO_PROCESS = "its CARP is part of the kernel, not a process"
# States in which a node takes part in the election; INIT is the other.
_PARTAKES = ("MASTER", "BACKUP")


class KernelCarp(AddressMechanism):
    """OpenBSD's CARP."""

    def partakes(self, sections: Mapping[str, str]) -> bool:
        """Whether the interface is master or backup."""
        return _state(sections) in _PARTAKES

    def holds(self, address: str, sections: Mapping[str, str]) -> bool:
        """Whether the interface with the address is master."""
        interface = section(sections, f"ifconfig {INTERFACE}")
        own = re.search(rf"^\s*inet {re.escape(address)} ", interface, re.MULTILINE)
        return own is not None and _state(sections) == "MASTER"


def interface_options(vhid: int, advbase: int, advskew: int, device: str, password: str) -> str:
    """Return what follows the address in ``/etc/hostname.carp0``.

    Args:
        vhid: number of the virtual host, 1 to 255.
        advbase: seconds between advertisements, 1 to 254.
        advskew: 1/256 s that are added to ``advbase``, 0 to 254.
        device: the interface that it advertises on.
        password: shared by both balancers; letters and digits, since a shell reads the line.

    Raises:
        TestbedError: the password cannot stand in such a file.
    """
    if not (password.isascii() and password.isalnum() and len(password) <= PASSWORD_BYTES):
        raise TestbedError(
            f"CARP_PASSWORD must be at most {PASSWORD_BYTES} letters and digits",
            fix="`testbed down` and `testbed up` make new secrets",
        )
    return f"vhid {vhid} carpdev {device} advbase {advbase} advskew {advskew} pass {password}"


def pf_rules(network: IPv4Network) -> str:
    """Return the rules of pf.conf(5) that let advertisements through the interface ``$public``.

    Args:
        network: of the other balancer.
    """
    return (
        "# CARP, from the public network alone.\n"
        f"pass in quick on $public inet proto carp from {network} to 224.0.0.18 no state\n"
        "pass out quick on $public inet proto carp from any to 224.0.0.18 no state\n"
    )


def _state(sections: Mapping[str, str]) -> str:
    found = re.search(r"^\s*carp: ([A-Z]+) ", section(sections, f"ifconfig {INTERFACE}"), re.MULTILINE)
    return found[1] if found else ""
