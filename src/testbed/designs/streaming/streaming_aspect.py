"""The aspects of a database node that streaming replication adds to a journal."""

from __future__ import annotations

from enum import StrEnum


class StreamingAspect(StrEnum):
    """The parts of PostgreSQL whose states are followed, with the values they take."""

    ROLE = "postgres-role"  # primary, standby, none
    REPLICATION = "replication"  # streaming, catching-up, none


# ``journal.Aspect.DATABASE_ADDRESS``. Most commands ask for designs and not for journals, which are slow to import.
DATABASE_ADDRESS = "database-address"
STREAMING = "streaming"  # on the primary: commits wait for the standby; on the standby: it follows
