"""The failures that are known, by profile: a hunt groups them and does not shrink them.

What the 2006 design gets wrong has an incident in ``incidents/`` that shows it. What remains impossible under the
hardened profile is explained in ``docs/hardened.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from testbed.checks.expectations import HARDENED
from testbed.checks.healthy import HEALTHY
from testbed.hunt.failure_kinds import FailureKind
from testbed.hunt.sequence import brief
from testbed.incidents.incident_model import Step

REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """A failure that is known.

    Attributes:
        title: what it is.
        profile: the profile that it is known of.
        check: the check that fails.
        causes: regular expressions, of which one matches all of the kind's cause.
        needs: regular expression that a fault of the sequence matches, written as ``brief`` writes it; a failure
            without such a fault has another reason.
        also: regular expression that another fault of the sequence matches as well; empty if one fault is enough.
        shown_by: incidents in ``incidents/`` that show it, or the page that explains it.
    """

    title: str
    profile: str
    check: str
    causes: tuple[str, ...]
    needs: str = ""
    also: str = ""
    shown_by: tuple[str, ...] = ()


# Faults after which two nodes cannot hear each other, or one is silent for a while.
SILENT = r"(silent-cut|cable-pull|network-down|loss|delay|rate-limit|freeze|clock-jump|process-hang|process-kill)"
# Faults after which a database node's copy is out of reach.
AWAY = r"^(power-loss|shutdown|reboot|freeze|silent-cut|cable-pull|network-down|loss|disk-error) db:"
DISKLESS_ALONE = "I/O errors end PostgreSQL when no good copy is in reach, and nothing starts it again"
SPLIT_BRAIN = "Split brain: both copies were written to"
SESSION_LOST = (
    r"session N went from app to app without a cause", r"session N was lost, although its node was reachable",
)  # fmt: skip
SPLIT_BRAIN_SHOWN = ("replication-cut", "database-frozen", "stale-copy-first")
HARDENED_PAGE = ("docs/hardened.md",)

CATALOGUE: tuple[KnownFailure, ...] = (
    KnownFailure(
        "Two balancers hold the site's address until they hear each other", REFERENCE, "ownership",
        (r"site-address held on lb and lb at once",), rf"^{SILENT} lb:",
        shown_by=("balancer-silent-cut", "balancer-frozen"),
    ),
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
    *(
        KnownFailure(
            "A PHP process that dies at a request of a kept-alive connection takes its node out of the pool", profile,
            "stickiness", SESSION_LOST, r"^process-kill app\S+ (php-worker|apache)", shown_by=shown_by,
        )
        for profile, shown_by in ((REFERENCE, ("app-php-worker-killed-busy",)), (HARDENED, HARDENED_PAGE))
    ),
    KnownFailure(
        "A node whose packets are lost may lose its sessions", HARDENED, "stickiness", SESSION_LOST, r"^loss app:",
        shown_by=HARDENED_PAGE,
    ),
    KnownFailure(
        "A warning of the guest's kernel when a primary is granted to go on alone", HARDENED, "alarms",
        (r"kernel-warning in the log of db",), r" (db:|arbiter)", shown_by=HARDENED_PAGE,
    ),
    KnownFailure(
        "Two balancers hold the site's address for some seconds", HARDENED, "ownership",
        (r"site-address held on lb and lb at once",), r"^(process-hang lb:\S+ ucarp|(silent-cut|loss) lb:)",
        shown_by=HARDENED_PAGE,
    ),
)  # fmt: skip


def find_known_failure(kind: FailureKind, steps: Iterable[Step], profile: str) -> KnownFailure | None:
    """The entry of the catalogue that a failure belongs to, None for a failure that is not known.

    Args:
        kind: what failed.
        steps: the steps that were taken, without those that were refused.
        profile: the cluster's.
    """
    played = [brief(step) for step in steps if step.action]
    for each in CATALOGUE:
        is_it = (each.profile, each.check) == (profile, kind.check) and matches(each, kind.cause)
        if is_it and explains(each, played):
            return each
    return None


def matches(entry: KnownFailure, cause: str) -> bool:
    """Whether a kind's cause is one of an entry's."""
    return any(re.fullmatch(pattern, cause) for pattern in entry.causes)


def explains(entry: KnownFailure, played: Sequence[str]) -> bool:
    """Whether the faults that an entry needs are there.

    Args:
        played: the steps, written as ``brief`` writes them.
    """
    needed = {place for place, text in enumerate(played) if re.search(entry.needs, text)}
    if not entry.also:
        return bool(needed)
    others = {place for place, text in enumerate(played) if re.search(entry.also, text)}
    return bool(needed and others) and len(needed | others) > 1
