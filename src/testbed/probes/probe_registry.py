"""The registry of probes."""

from __future__ import annotations

from collections.abc import Mapping

from testbed.probes.https import HttpsProbe
from testbed.probes.probe_type import PreparedProbe, ProbeSetup, RegisteredProbe
from testbed.probes.sql import SqlReadProbe, SqlWriteProbe
from testbed.probes.tcp import TcpProbe
from testbed.probes.tcp_connect import NoAddressError
from testbed.probes.unresolved import UnresolvedProbe
from testbed.probes.webmail import WebmailProbe

# A new probe needs one line here. Help, schema, reports and documentation show the probes in this order, in which a
# request meets what they probe.
_ALL: tuple[type[RegisteredProbe], ...] = (
    TcpProbe,
    HttpsProbe,
    WebmailProbe,
    SqlReadProbe,
    SqlWriteProbe,
)
PROBES: Mapping[str, type[RegisteredProbe]] = {probe.name: probe for probe in _ALL}


def prepare(setup: ProbeSetup, known: Mapping[str, type[RegisteredProbe]] = PROBES) -> list[PreparedProbe]:
    """Return the probes that are to run; one whose host has no address records failures.

    Args:
        setup: what they are prepared from.
        known: all probes there are.

    Raises:
        OSError: certificates or secrets cannot be read.
        ValueError: a password is not among the secrets.
    """
    prepared = []
    for name in known:
        if name in setup.intervals:
            try:
                prepared.append(known[name].prepare(setup))
            except NoAddressError as error:
                prepared.append(PreparedProbe(UnresolvedProbe(name, str(error)), 1))
    return prepared
