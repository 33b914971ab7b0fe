"""The known failures of the Patroni design."""

from __future__ import annotations

from testbed.designs.known_failure import KnownFailure
from testbed.designs.patroni.patroni_layout import PATRONI

NAME = PATRONI.name
# Faults after which a primary that was replaced still acknowledges writes, until its Patroni learns of the new leader.
HANGS = r"^(freeze|process-hang|process-kill|clock-jump) db:"
STRIKES = (
    r"^(power-loss|reboot|shutdown|freeze|silent-cut|cable-pull|network-down|loss|delay|rate-limit|process-) ?\S* ?db:"
)

KNOWN_FAILURES: tuple[KnownFailure, ...] = (
    KnownFailure(
        "A primary that hung resumes beside the one that replaced it: Debian configures no watchdog", NAME, "ownership",
        (
            r"database-address held on db and db at once",
            r"postgres-role primary on db and db at once",
            r"write N was acknowledged by db, which was not promoted after db's last write",
        ),
        HANGS, shown_by=("database-frozen",),
    ),
    KnownFailure(
        "Replication is asynchronous: the last acknowledged writes of a lost primary are gone", NAME, "durability",
        (r"N was acknowledged, and is not there",), r" db:",
        shown_by=("database-power-loss", "replication-cut", "stale-copy-first"),
    ),
)  # fmt: skip
