"""Options and connection string with which the probes reach the database."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from psycopg.conninfo import make_conninfo

from testbed.database_passwords import password_name
from testbed.probes.tcp_connect import resolve

SECRETS = "/etc/testbed/secrets.env"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for the database's address and password."""
    parser.add_argument("--host", default=os.environ.get("DATABASE_HOST", "db"),
                        help="the database's virtual address or its name (db)")  # fmt: skip
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("--dbname", default="probe")
    parser.add_argument("--user", default="probe")
    parser.add_argument("--secrets", default=SECRETS, help=f"file with PROBE_DB_PASSWORD ({SECRETS})")


def secret(path: str, name: str) -> str:
    """Return the value of ``name`` in a file of NAME=value lines.

    Raises:
        OSError: the file cannot be read.
        ValueError: the name is not in it.
    """
    for line in Path(path).read_text(encoding="ascii").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == name:
            return value.strip()
    raise ValueError(f"{path}: no {name}")


def conninfo(options: argparse.Namespace, application: str, dead_after: float, database: str = "") -> str:
    """Return a libpq connection string for one of the probes.

    The host's name is resolved here, once. TLS and GSSAPI are not asked for: the server has neither, and each
    pending would cost a round trip.

    Args:
        options: parsed arguments of ``add_arguments``.
        application: name the server shows for the connection.
        dead_after: seconds that sent data may stay unacknowledged before the kernel closes the connection.
        database: an application's database, whose role has the same name; by default that of the options.

    Raises:
        NoAddressError: the host has no address.
        OSError: the secrets cannot be read.
        ValueError: the password is not among the secrets.
    """
    address, _ = resolve(options.host, options.port)
    return make_conninfo(
        host=options.host,
        hostaddr=address,
        port=options.port,
        dbname=database or options.dbname,
        user=database or options.user,
        password=secret(options.secrets, password_name(database or "probe")),
        application_name=application,
        sslmode="disable",
        gssencmode="disable",
        tcp_user_timeout=int(dead_after * 1000),
        keepalives_idle=1,
        keepalives_interval=1,
        keepalives_count=2,
    )
