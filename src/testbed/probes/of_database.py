"""The probes of the database, made ready as the command line says."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping

from testbed.probes import database
from testbed.probes.dialling import NoAddressError
from testbed.probes.nowhere import NowhereProbe
from testbed.probes.pool import SESSIONS, Pool
from testbed.probes.sql import APPLICATION, SqlProbe, SqlWriteProbe
from testbed.probes.target import Target

NAMES = ("sql-read", "sql-write")
# Below one second, the first retransmission never comes.
HANDSHAKE_SECONDS = 0.95
# Sessions in use at once; a server that has so many open questions is not asked more.
SIZE = 16


def database_targets(options: argparse.Namespace, intervals: Mapping[str, float], run: str) -> list[Target]:
    """Make the probes of the database ready; they share their sessions.

    Args:
        options: ``timeout`` and those of ``database.add_arguments``.
        intervals: of the probes that are to run; others than the database's are passed over.
        run: what the tokens of this run begin with.

    Raises:
        OSError: the secrets cannot be read.
        ValueError: the password is not among the secrets.
    """
    names = [name for name in NAMES if name in intervals]
    try:
        conninfo = database.conninfo(options, f"{APPLICATION}-{run}", options.timeout)
    except NoAddressError as error:
        return [Target(NowhereProbe(name, str(error)), 1) for name in names]
    attempts = sum(math.ceil(HANDSHAKE_SECONDS / intervals[name]) for name in names)
    pool = Pool(conninfo, connect_timeout=HANDSHAKE_SECONDS, size=SIZE, attempts=attempts)
    # In use, connecting, waiting for another's session, being established.
    outstanding = SIZE + 2 * attempts + SESSIONS + 1
    probes = {"sql-read": SqlProbe(pool, options.timeout), "sql-write": SqlWriteProbe(pool, options.timeout, run)}
    return [Target(probes[name], outstanding) for name in names]
