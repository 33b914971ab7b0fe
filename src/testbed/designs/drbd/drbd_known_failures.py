"""The known failures of the DRBD design, by profile."""

from __future__ import annotations

from testbed.designs.drbd import drbd_layout
from testbed.designs.known_failure import SILENT, KnownFailure

REFERENCE, HARDENED = drbd_layout.REFERENCE.name, drbd_layout.HARDENED.name
HEALTHY = "healthy"  # the check
# Faults after which a database node's copy is out of reach.
AWAY = r"^(power-loss|shutdown|reboot|freeze|silent-cut|cable-pull|network-down|loss|disk-error) db:"
DISKLESS_ALONE = "I/O errors end PostgreSQL when no good copy is in reach, and nothing starts it again"
SPLIT_BRAIN = "Split brain: both copies were written to"
SPLIT_BRAIN_SHOWN = ("replication-cut", "database-frozen", "stale-copy-first")
HARDENED_PAGE = ("docs/hardened.md",)

KNOWN_FAILURES: tuple[KnownFailure, ...] = (
    KnownFailure(
        "Two nodes hold the database's address until they hear each other", REFERENCE, "ownership",
        (r"database-address held on db and db at once",), rf"^{SILENT} db:",
        shown_by=("refused-promotion", "database-silent-cut", "clock-jump"),
    ),
    KnownFailure(
        "Two primaries without fencing", REFERENCE, "ownership",
        (
            r"drbd-role Primary on db and db at once",
            r"write N was acknowledged by db, which was not promoted after db's last write",
        ),
        r" db:", shown_by=("database-frozen", "database-silent-cut"),
    ),
    KnownFailure(SPLIT_BRAIN, REFERENCE, "ownership", (r"split brain: .*",), r" db:", shown_by=SPLIT_BRAIN_SHOWN),
    # DRBD stands alone after it has found a split brain, until somebody decides.
    KnownFailure(
        SPLIT_BRAIN, REFERENCE, HEALTHY, (r"split brain: .*", r"db: DRBD is StandAlone UpToDate/DUnknown"), r" db:",
        shown_by=SPLIT_BRAIN_SHOWN,
    ),
    KnownFailure(
        SPLIT_BRAIN, REFERENCE, "alarms", (r"drbd-split-brain in the log of db",), r" db:", shown_by=SPLIT_BRAIN_SHOWN,
    ),
    KnownFailure(
        "Acknowledged writes are gone: the copy that is served is not the newest", REFERENCE, "durability",
        (r"N was acknowledged, and is not there",), r" db:",
        shown_by=("replication-cut", "database-silent-cut", "stale-copy-first"),
    ),
    KnownFailure(
        DISKLESS_ALONE, REFERENCE, HEALTHY,
        (
            r"db holds the database's address but does not serve",
            r"db: the database's filesystem has lost writes to I/O errors since it was mounted",
        ),
        r"^disk-error db:", AWAY, ("database-diskless-alone",),
    ),
    KnownFailure(
        DISKLESS_ALONE, REFERENCE, "phases", (r"service did not come back for the database",),
        r"^disk-error db:", AWAY, ("database-diskless-alone",),
    ),
    KnownFailure(
        DISKLESS_ALONE, REFERENCE, "alarms",
        tuple(
            rf"{pattern} in the log of db"
            for pattern in ("filesystem-error", "postgres-panic", "postgres-crash", "postgres-corruption")
        ),
        r"^disk-error db:", AWAY, ("database-diskless-alone",),
    ),
    KnownFailure(
        "A warning of the guest's kernel when a primary is granted to go on alone", HARDENED, "alarms",
        (r"kernel-warning in the log of db",), r" (db:|arbiter)", shown_by=HARDENED_PAGE,
    ),
)  # fmt: skip
