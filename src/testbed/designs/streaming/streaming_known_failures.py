"""The known failures of the streaming design."""

from __future__ import annotations

from testbed.designs.known_failure import SILENT, KnownFailure
from testbed.designs.streaming.streaming_layout import STREAMING

NAME = STREAMING.name
CUT = ("database-frozen", "database-silent-cut")

KNOWN_FAILURES: tuple[KnownFailure, ...] = (
    KnownFailure(
        "Two nodes hold the database's address until they hear each other", NAME, "ownership",
        (r"database-address held on db and db at once",), rf"^{SILENT} db:", shown_by=CUT,
    ),
    KnownFailure(
        "Two primaries without fencing", NAME, "ownership",
        (
            r"postgres-role primary on db and db at once",
            r"write N was acknowledged by db, which was not promoted after db's last write",
        ),
        rf"^{SILENT} db:", shown_by=CUT,
    ),
    KnownFailure(
        "Acknowledged writes are gone: the node that serves has not got them", NAME, "durability",
        (r"N was acknowledged, and is not there",), r" db:", shown_by=(*CUT, "replication-cut", "stale-copy-first"),
    ),
)  # fmt: skip
