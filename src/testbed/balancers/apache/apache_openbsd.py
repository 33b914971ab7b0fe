"""Apache's configuration under the paths of OpenBSD's package, made from the Debian platform's own.

``images/lb/httpd.conf`` is the template: what is the platform's in it (paths, user, where its modules lie) is replaced,
all the rest is taken as it is. ``images/lb/site.conf`` is the same file on both.

Sources: the port ``www/apache-httpd`` of openbsd/ports: ``patch-config_layout`` 1.10 (the program ``httpd2`` below
``/usr/local``, ``/etc/apache2``, modules in ``/usr/local/lib/apache2``, ``/var/www``), ``PLIST-main`` 1.2 (every
module is a shared one, the MPMs too); the base system's user ``www``.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from testbed.errors import TestbedError
from testbed.openbsd.node.balancer import Balancer

# Where the package looks for its configuration.
CONFIG_FILE = PurePosixPath("/etc/apache2/httpd2.conf")
PID_FILE = PurePosixPath("/var/run/httpd2.pid")
MODULES = PurePosixPath("/usr/local/lib/apache2")
POOL_FOLDER = PurePosixPath("/var/run/pool")
SITE_FILE = PurePosixPath("/etc/balancer/site.conf")
ERROR_LOG = PurePosixPath("/var/www/logs/error_log")
ACCESS_LOG = PurePosixPath("/var/www/logs/failures_log")

_DIRECTIVES = {
    "ServerRoot": "/var/www",
    "DefaultRuntimeDir": "/var/www/logs",
    "PidFile": str(PID_FILE),
    "User": "www",
    "Group": "www",
    "Include": str(SITE_FILE),
}
_DEFINES = {
    "CERTIFICATE": "/etc/testbed/site.crt",
    "CERTIFICATE_KEY": "/etc/testbed/site.key",
    "POOL_FOLDER": str(POOL_FOLDER),
    "ERROR_LOG": str(ERROR_LOG),
    "ACCESS_LOG": str(ACCESS_LOG),
}
# Part of the program on Debian, so its configuration loads none of them. OpenBSD's program has core, mod_so and
# http_core alone: what a directive is from, or what another module asks for (mod_proxy_hcheck: watchdog), is loaded.
_BUILT_IN = ("log_config", "unixd", "watchdog")
# APR's choice on OpenBSD is System V semaphores: one start takes 16 sets of the kernel's 10 (kern.seminfo.semmni), and
# each SIGKILL leaves its own behind. The kernel drops the lock on a file with the process that holds it.
_MUTEX = "Mutex fcntl:/var/run default"


def httpd_conf(balancer: Balancer, debian: str) -> str:
    """``/etc/apache2/httpd2.conf`` of one balancer.

    Args:
        balancer: whose it is.
        debian: text of ``images/lb/httpd.conf``.

    Raises:
        TestbedError: that file lacks a directive of the platform, or names an unknown path.
    """
    parameters = {
        "NODE": balancer.name,
        "SITE_NAME": balancer.site_name,
        "RETRY_SECONDS": str(balancer.retry_seconds),
        "REQUEST_SECONDS": str(balancer.request_seconds),
        "MEMBER_CHECK": balancer.member_check,
    }
    lines = [f'Define {name} "{value}"' for name, value in parameters.items()]
    for module in _BUILT_IN:
        lines += [f"<IfModule !{module}_module>", f"    {_load(module)}", "</IfModule>"]
    lines.append(_MUTEX)
    left = {*_DIRECTIVES, *_DEFINES}
    for line in debian.splitlines():
        if line.strip() and not line.startswith("#"):
            lines.append(_translated(line, left))
    if left:
        raise _unlike_template(f"it lacks {', '.join(sorted(left))}")
    return "# The configuration of the Debian platform (images/lb/httpd.conf), with OpenBSD's paths.\n" + "".join(
        f"{line}\n" for line in lines
    )


def _translated(line: str, left: set[str]) -> str:
    """One line of Debian's file for OpenBSD; its directive is removed from ``left``."""
    directive, _, rest = line.partition(" ")
    value = rest.strip()
    if directive == "LoadModule" and (module := re.fullmatch(r"(\w+)_module +modules/mod_\1\.so", value)):
        return _load(module[1])
    if directive == "Define" and (name := value.split()[0]) in _DEFINES:
        left.discard(name)
        return f'Define {name} "{_DEFINES[name]}"'
    if directive in _DIRECTIVES:
        left.discard(directive)
        return f'{directive} "{_DIRECTIVES[directive]}"'
    if "/" in value:
        raise _unlike_template(f"no path on OpenBSD is known for {line.strip()!r}")
    return line


def _load(module: str) -> str:
    return f"LoadModule {module}_module {MODULES}/mod_{module}.so"


def _unlike_template(what: str) -> TestbedError:
    return TestbedError(what, where="images/lb/httpd.conf", fix="correct it, or balancers/apache/apache_openbsd.py")
