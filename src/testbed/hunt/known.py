"""The failures that are known, by profile: a hunt groups them and does not shrink them.

What the 2006 design gets wrong has an incident in ``scenarios/`` that shows it. What remains impossible under the
hardened profile is explained in ``docs/hardened.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from testbed.checks.expectations import HARDENED
from testbed.checks.healthy import HEALTHY
from testbed.hunt.kinds import Kind
from testbed.hunt.sequence import brief
from testbed.scenarios.model import Step

REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Known:
    """A failure that is known.

    Attributes:
        title: what it is.
        profile: the profile that it is known of.
        check: the check that fails.
        cause: regular expression that the kind's whole cause matches.
        needs: regular expression that a fault of the sequence matches, written as ``brief`` writes it; a failure
            without such a fault has another reason.
        shown_by: incidents in ``scenarios/`` that show it, or the page that explains it.
    """

    title: str
    profile: str
    check: str
    cause: str
    needs: str = ""
    shown_by: tuple[str, ...] = ()


# Faults after which two machines cannot hear each other, or one is silent for a while.
SILENT = r"(silent-cut|cable-pull|network-down|loss|delay|rate-limit|freeze|clock-jump|process-stop|process-kill)"
HARDENED_PAGE = ("docs/hardened.md",)

CATALOGUE: tuple[Known, ...] = (
    Known(
        "Two balancers hold the site's address until they hear each other", REFERENCE, "ownership",
        r"site-address held on lb and lb at once", rf"{SILENT} lb:", ("balancer-silent-cut", "balancer-frozen"),
    ),
    Known(
        "Two machines hold the database's address until they hear each other", REFERENCE, "ownership",
        r"database-address held on db and db at once", rf"{SILENT} db:",
        ("refused-promotion", "database-silent-cut", "clock-jump"),
    ),
    Known(
        "Two primaries without fencing", REFERENCE, "ownership",
        r"drbd-role Primary on db and db at once|write N was acknowledged by db, which had not taken over from db",
        r" db:", ("database-frozen", "database-silent-cut"),
    ),
    Known(
        "Split brain: both copies were written to", REFERENCE, "ownership", r"split brain: .*", r" db:",
        ("replication-cut", "database-frozen"),
    ),
    Known(
        "Split brain: both copies were written to", REFERENCE, HEALTHY, r"split brain.*", r" db:",
        ("replication-cut", "database-frozen"),
    ),
    Known(
        "Split brain: both copies were written to", REFERENCE, "alarms", r"drbd-split-brain in the log of db", r" db:",
        ("replication-cut", "database-frozen"),
    ),
    Known(
        "Acknowledged writes are gone: the copy that is served is not the newest", REFERENCE, "durability",
        r"N was acknowledged, and is not there", r" db:", ("replication-cut", "database-silent-cut"),
    ),
    Known(
        "A warning of the guest's kernel when a primary is granted to go on alone", HARDENED, "alarms",
        r"kernel-warning in the log of db", r" (db:|arbiter)", HARDENED_PAGE,
    ),
    Known(
        "Two balancers hold the site's address for some seconds", HARDENED, "ownership",
        r"site-address held on lb and lb at once", r"(process-stop lb:\S+ ucarp|(silent-cut|loss) lb:)", HARDENED_PAGE,
    ),
)  # fmt: skip


def known(kind: Kind, steps: Iterable[Step], profile: str) -> Known | None:
    """The entry of the catalogue that a failure belongs to, None for a failure that is not known.

    Args:
        kind: what failed.
        steps: the steps that were taken, without those that were refused.
        profile: the cluster's.
    """
    played = [brief(step) for step in steps if step.fault]
    for each in CATALOGUE:
        if (each.profile, each.check) != (profile, kind.check) or not re.fullmatch(each.cause, kind.cause):
            continue
        if any(re.search(each.needs, text) for text in played):
            return each
    return None
