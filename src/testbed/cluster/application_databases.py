"""The databases of applications: each has one with its name, and a role of that name which owns it.

They are made on the database node that serves, so replication and backups cover them as they cover the webmail's.
"""

from __future__ import annotations

from testbed.cluster import secrets
from testbed.cluster.cluster import Cluster
from testbed.cluster.discarded_copies import sql
from testbed.errors import TestbedError
from testbed.topology import Role


def ensure(cluster: Cluster) -> list[str]:
    """Make the role and the database of each application that has one, unless they are there, and set the password.

    Returns:
        The databases that were made now.

    Raises:
        TestbedError: no database node serves, or PostgreSQL refuses.
    """
    passwords = secrets.ensure_database_passwords(cluster.settings.state_dir, cluster.topology)
    if not passwords:
        return []
    serving = [each.node for each in cluster.state(Role.DATABASE).databases if each.serving]
    if not serving:
        raise TestbedError("no database node serves", fix="`testbed status` shows more")
    node, made = serving[0], []
    databases = sql(cluster, node, "postgres", "select datname from pg_database")
    roles = sql(cluster, node, "postgres", "select rolname from pg_roles")
    for name, password in passwords.items():
        verb = "alter" if name in roles else "create"
        sql(cluster, node, "postgres", f"{verb} role \"{name}\" login password '{password}'")
        if name not in databases:
            sql(cluster, node, "postgres", f'create database "{name}" owner "{name}"')
            made.append(name)
    return made
