"""The probes of the site, made ready as the command line says."""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Callable, Mapping

from testbed.journal import RequestSample
from testbed.probes import database
from testbed.probes.dialling import Address, NoAddressError, resolve
from testbed.probes.horde.client import HordeClient
from testbed.probes.https import HttpsProbe
from testbed.probes.nowhere import NowhereProbe
from testbed.probes.target import Target, within
from testbed.probes.tcp import HANDSHAKE_SECONDS, TcpProbe
from testbed.probes.webmail import WINDOWS, WebmailProbe

NAMES = ("tcp", "https", "webmail")
# Seconds for a connection, and for a page: people wait longer, but then somebody else probes as well.
WEBMAIL_PATIENCE = (HANDSHAKE_SECONDS, 10.0)


def site_targets(options: argparse.Namespace, intervals: Mapping[str, float]) -> list[Target]:
    """Make the probes of the site ready; its name is resolved here, once.

    Args:
        options: ``site``, ``site_port``, ``ca``, ``patience``, ``account``, ``secrets``.
        intervals: of the probes that are to run; others than the site's are passed over.

    Raises:
        OSError: the certificates or the secrets cannot be read.
        ValueError: the password is not among the secrets.
    """
    names = [name for name in NAMES if name in intervals]
    try:
        address = resolve(options.site, options.site_port)
    except NoAddressError as error:
        return [Target(NowhereProbe(name, str(error)), 1) for name in names]
    return [_target(name, intervals[name], address, options) for name in names]


def _target(name: str, interval: float, address: Address, options: argparse.Namespace) -> Target:
    if name == "tcp":
        return Target(TcpProbe(address), within(HANDSHAKE_SECONDS, interval))
    if name == "https":
        context = ssl.create_default_context(cafile=options.ca)
        probe = HttpsProbe(options.site, address, context, timeout=options.patience)
        return Target(probe, within(options.patience, interval))
    password = database.secret(options.secrets, "MAIL_PASSWORD")

    def browser(record: Callable[[RequestSample], None]) -> HordeClient:
        base = f"https://{options.site}" + (f":{options.site_port}" if options.site_port != 443 else "")
        return HordeClient(base, options.account, password, ca_file=options.ca, record=record, timeout=WEBMAIL_PATIENCE)

    return Target(WebmailProbe(browser), WINDOWS)
