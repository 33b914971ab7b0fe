"""All checks, applied to one journal."""

from __future__ import annotations

from testbed.checks.breakage import breakage
from testbed.checks.verdict import Verdict
from testbed.journal import Journal


def judge(journal: Journal) -> list[Verdict]:
    """What every check says of a run."""
    return breakage(journal)
