"""Which daemons a balancer runs, and with what limits.

Sources: rc.conf.local(8), rc.conf(8), rcctl(8); login.conf(5), whose ``/etc/login.conf.d/<class>`` goes before the
file's own, and rc.d(8), which runs a daemon in the class of its own name where there is one.
"""

from __future__ import annotations

from testbed.openbsd.node.balancer import Balancer

# What a fresh system starts and a balancer has no use for: no mail, no sound, no automatic addresses, no time server
# that it could reach, no log of packets (the rules log none).
_OFF = ("dhcpleased", "ntpd", "pflogd", "resolvd", "slaacd", "smtpd", "sndiod")


def rc_conf_local(balancer: Balancer) -> str:
    """``/etc/rc.conf.local``."""
    lines = [f"{daemon}_flags=NO" for daemon in _OFF]
    if balancer.profile == "hardened":
        lines.append("ifstated_flags=")
    lines += [
        "sshd_flags=",
        "pf=YES",
        "check_quotas=NO",
        # Libraries would be linked anew at each boot; a machine that was switched on again is being waited for.
        "library_aslr=NO",
        "pkg_scripts=apache2",
    ]
    return "".join(f"{line}\n" for line in lines)


def login_class() -> str:
    """``/etc/login.conf.d/apache2``.

    Each of Apache's 64 threads a process holds the client's connection and the app node's; daemons may open 128 files.
    """
    return "apache2:\\\n\t:openfiles-cur=1024:\\\n\t:openfiles-max=1024:\\\n\t:tc=daemon:\n"
