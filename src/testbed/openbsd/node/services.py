"""Which of the system's daemons a balancer runs.

Sources: rc.conf.local(8), rc.conf(8), rcctl(8). The server that balances is not among ``pkg_scripts``: the node's own
``rc.local`` starts it, and starts it again when it ends, as runit does on Debian.
"""

from __future__ import annotations

# What a fresh system starts and a balancer has no use for: no automatic addresses, no time server that it could
# reach, no log of packets (the rules log none), no mail, no sound.
_OFF = ("dhcpleased", "ntpd", "pflogd", "resolvd", "slaacd", "smtpd", "sndiod")


def rc_conf_local() -> str:
    """``/etc/rc.conf.local``, the same for every balancer."""
    lines = [f"{daemon}_flags=NO" for daemon in _OFF]
    lines += [
        "sshd_flags=",
        "pf=YES",
        "check_quotas=NO",
        # Libraries would be linked again at each boot, while testbed waits for the node.
        "library_aslr=NO",
    ]
    return "".join(f"{line}\n" for line in lines)
