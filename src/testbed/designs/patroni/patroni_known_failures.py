"""The known failures of the Patroni design, as Debian ships it."""

from __future__ import annotations

from testbed.designs.known_failure import SILENT, KnownFailure
from testbed.designs.patroni.patroni_layout import PATRONI

NAME = PATRONI.name
# Faults after which a primary that was replaced goes on, until its Patroni learns of the new leader.
HANGS = r"^(freeze|process-hang|process-kill) db:"

KNOWN_FAILURES: tuple[KnownFailure, ...] = (
    KnownFailure(
        "vip-manager keeps the address while it cannot reach etcd", NAME, "ownership",
        (r"database-address held on db and db at once",), rf"^{SILENT} db:",
        shown_by=("database-cable-pull", "database-silent-cut", "refused-promotion"),
    ),
    KnownFailure(
        "Debian configures no watchdog: a primary that hung resumes beside the one that replaced it", NAME, "ownership",
        (
            r"postgres-role primary on db and db at once",
            r"write N was acknowledged by db, which was not promoted after db's last write",
        ),
        HANGS, shown_by=("database-frozen", "postgres-hung"),
    ),
    KnownFailure(
        "Replication is asynchronous: the last acknowledged writes of a lost primary are gone", NAME, "durability",
        (r"N was acknowledged, and is not there",), r" db:",
        shown_by=("database-power-loss", "replication-cut", "stale-copy-first"),
    ),
)  # fmt: skip
