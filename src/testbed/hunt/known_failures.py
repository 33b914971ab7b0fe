"""The failures that are known, by profile: a hunt groups them and does not shrink them.

What the 2006 design gets wrong has an incident in ``incidents/`` that shows it. What remains impossible under the
hardened profile is explained in ``docs/hardened.md``. A database design has its own (``known_failures``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from testbed.designs.database_design import DatabaseDesign
from testbed.designs.design_registry import DEFAULT
from testbed.designs.known_failure import SILENT, KnownFailure
from testbed.designs.layout_registry import similar_profile
from testbed.hunt.failure_kinds import FailureKind
from testbed.hunt.sequence import brief
from testbed.incidents.incident_model import Step

# The profiles of the balancers and the app nodes.
REFERENCE, HARDENED = "reference", "hardened"

SESSION_LOST = (
    r"session N went from app to app without a cause", r"session N was lost, although its node was reachable",
)  # fmt: skip
HARDENED_PAGE = ("docs/hardened.md",)

COMMON: tuple[KnownFailure, ...] = (
    KnownFailure(
        "Two balancers hold the site's address until they hear each other", REFERENCE, "ownership",
        (r"site-address held on lb and lb at once",), rf"^{SILENT} lb:",
        shown_by=("balancer-silent-cut", "balancer-frozen"),
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
        "Two balancers hold the site's address for some seconds", HARDENED, "ownership",
        (r"site-address held on lb and lb at once",), r"^(process-hang lb:\S+ ucarp|(silent-cut|loss) lb:)",
        shown_by=HARDENED_PAGE,
    ),
)  # fmt: skip


def find_known_failure(
    kind: FailureKind, steps: Iterable[Step], profile: str, design: DatabaseDesign[Any] = DEFAULT
) -> KnownFailure | None:
    """The entry of the catalogue that a failure belongs to, None for a failure that is not known.

    Args:
        kind: what failed.
        steps: the steps that were taken, without those that were refused.
        profile: the cluster's.
        design: of the cluster's database.
    """
    played = [brief(step) for step in steps if step.action]
    similar = similar_profile(profile)
    known = [each for each in COMMON if each.profile == similar]
    known += [each for each in design.known_failures if each.profile == profile]
    for each in known:
        if each.check == kind.check and matches(each, kind.cause) and explains(each, played):
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
