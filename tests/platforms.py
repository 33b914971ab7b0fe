"""What tests ask a machine for, in the words of its platform: Debian and OpenBSD have other programs for the same.

The product's own ``System`` has the words that faults and the recorder need; these are for tests alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from testbed.machines import Machine


@dataclass(frozen=True)
class Platform:
    """Scripts for ``sh``.

    Attributes:
        default_route: prints the default routes, so nothing where there is none.
        reload: Apache reads its configuration again, and loses no request.
        restart: another Apache.
        answers: succeeds when the balancer's own Apache answers.
        page: prints a page of the balancer's own, ``{path}``.
        visits: asks its own Apache for the webmail's health page ``{count}`` times, each time as another visitor, and
            prints the heads of the answers. ``{cookie}`` is what the visitors send, or nothing.
        boot_seconds: within which a balancer that lost its power is back; an emulated one takes its time.
    """

    default_route: str
    reload: str
    restart: str
    answers: str
    page: str
    visits: str
    boot_seconds: float


DEBIAN = Platform(
    default_route="ip -4 route show default",
    reload="sv 1 apache",
    restart="sv restart apache",
    answers="balancer-answers 127.0.0.1",
    page="curl -sS http://127.0.0.1:8008{path}",
    visits="cookie='{cookie}'; for _ in $(seq {count}); do curl -sSk -o /dev/null -D - --max-time 15"
    " --connect-to $SITE_NAME:443:127.0.0.1:443 ${{cookie:+--cookie $cookie}} https://$SITE_NAME/alive || exit; done",
    boot_seconds=30,
)
# supervisor(1 of the site set) starts Apache again a second after it has ended; nc(1) speaks TLS there.
OPENBSD = Platform(
    default_route="netstat -rn -f inet | awk '$1 == \"default\"'",
    reload="kill -USR1 $(cat /var/run/httpd2.pid)",
    restart="kill -TERM $(cat /var/run/httpd2.pid)",
    answers="ftp -V -M -o /dev/null http://127.0.0.1:8008/alive",
    page="ftp -V -M -o - http://127.0.0.1:8008{path}",
    visits=". /usr/local/libexec/testbed/platform; cookie='{cookie}'; left={count}; while [ $left -gt 0 ]; do"
    " left=$((left - 1));"
    r" {{ printf 'GET /alive HTTP/1.0\r\nHost: %s\r\n' $SITE_NAME; [ -z $cookie ] || printf 'Cookie: %s\r\n' $cookie;"
    r" printf '\r\n'; }} | nc -c -e $SITE_NAME -R /etc/testbed/ca.crt -w 15 127.0.0.1 443 | tr -d '\r' | sed '/^$/q';"
    " done",
    boot_seconds=180,
)
PLATFORMS: Mapping[str, Platform] = MappingProxyType({"debian": DEBIAN, "openbsd": OPENBSD})


def platform_of(machine: Machine) -> Platform:
    """The words of the system that does a machine's work."""
    return PLATFORMS[machine.node.keys.platform]
