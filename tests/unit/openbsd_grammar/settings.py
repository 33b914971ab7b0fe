"""Files of one setting a line: which names there are, and what they may be.

From sshd_config(5), rc.conf(8) and etc/rc.conf with the daemons of the base system, sysctl(2), resolv.conf(5).
"""

from __future__ import annotations

import re

from openbsd_grammar.tokens import Refused

_YES_NO = "yes|no"
SSHD = {
    "AddressFamily": "any|inet|inet6",
    "AllowUsers": r"[a-z_][\w.*@-]*",
    "AuthenticationMethods": "publickey|password|keyboard-interactive|any",
    "AuthorizedKeysFile": r"/\S+|\.ssh/\S+|none",
    "DisableForwarding": _YES_NO,
    "HostKey": r"/\S+",
    "KbdInteractiveAuthentication": _YES_NO,
    "ListenAddress": r"\d+\.\d+\.\d+\.\d+",
    "LogLevel": "QUIET|FATAL|ERROR|INFO|VERBOSE|DEBUG[123]?",
    "MaxSessions": r"\d+",
    "PasswordAuthentication": _YES_NO,
    "PermitRootLogin": "yes|prohibit-password|forced-commands-only|no",
    "Port": r"\d{1,5}",
    "UseDNS": _YES_NO,
}
# Those of a small server; a daemon that is not among them is taken for a slip of the pen.
DAEMONS = frozenset(
    {"apmd", "cron", "dhcpleased", "ifstated", "ntpd", "pflogd", "relayd", "resolvd", "slaacd"}
    | {"smtpd", "sndiod", "sshd", "syslogd", "unbound", "unwind", "watchdogd"}
)
SPECIAL = frozenset({"accounting", "check_quotas", "ipsec", "library_aslr", "multicast", "pf", "spamd_black"})
SYSCTL = frozenset(
    {"kern.somaxconn", "net.inet.carp.allow", "net.inet.carp.log", "net.inet.carp.preempt", "net.inet.ip.forwarding"}
    | {"net.inet6.ip6.forwarding"}
)


def sshd_config(text: str) -> dict[str, str]:
    """The settings of an sshd_config."""
    found: dict[str, str] = {}
    for line in _lines(text):
        keyword, _, value = line.partition(" ")
        if keyword not in SSHD:
            raise Refused(f"Bad configuration option: {keyword}")
        if not re.fullmatch(SSHD[keyword], value):
            raise Refused(f"{keyword}: bad value {value!r}")
        if keyword in found:
            raise Refused(f"{keyword} twice: only the first counts")
        found[keyword] = value
    return found


def rc_conf_local(text: str) -> dict[str, str]:
    """The settings of an rc.conf.local."""
    found: dict[str, str] = {}
    for line in _lines(text):
        match = re.fullmatch(r"(\w+)=([\w./ -]*)", line)
        if match is None:
            raise Refused(f"no setting: {line!r}")
        name, value = match[1], match[2]
        if name.endswith("_flags"):
            if name.removesuffix("_flags") not in DAEMONS:
                raise Refused(f"no daemon {name.removesuffix('_flags')!r}")
        elif name not in SPECIAL | {"pkg_scripts"}:
            raise Refused(f"no variable {name!r}")
        elif name in SPECIAL and value not in {"YES", "NO"}:
            raise Refused(f"{name} is YES or NO")
        found[name] = value
    return found


def sysctl_conf(text: str) -> dict[str, int]:
    """The settings of a sysctl.conf."""
    found = {}
    for line in _lines(text):
        name, equals, value = line.partition("=")
        if name not in SYSCTL or not equals or not value.isdigit():
            raise Refused(f"no setting: {line!r}")
        found[name] = int(value)
    return found


def resolv_conf(text: str) -> dict[str, list[str]]:
    """The settings of a resolv.conf."""
    allowed = {"nameserver": r"\d+(\.\d+){3}", "lookup": "bind|file", "family": "inet4|inet6"}
    found: dict[str, list[str]] = {}
    for line in _lines(text):
        keyword, *values = line.split()
        if keyword not in allowed or not values or not all(re.fullmatch(allowed[keyword], value) for value in values):
            raise Refused(f"no setting: {line!r}")
        found[keyword] = values
    return found


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]
