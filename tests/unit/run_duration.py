"""How long runs take, compared with the ``duration`` that their incident file states."""

from __future__ import annotations

from testbed.checks.run_stages import is_complete, stage_time
from testbed.journal import Journal
from testbed.units import format_duration

# A slow machine takes longer than a fast one; a statement that is further off than this misleads.
FACTOR = 2.0


def run_seconds(journal: Journal) -> float | None:
    """Return the seconds from a run's beginning to its end, None if the run did not come to its end."""
    begin, end = stage_time(journal, "run-begins"), stage_time(journal, "run-ends")
    return None if begin is None or end is None or not is_complete(journal) else end - begin


def duration_mistake(stated: float, took: float) -> str:
    """Return why a stated duration is wrong, with the one to write; empty if it is within a factor of two.

    Args:
        stated: the file's ``duration`` in seconds.
        took: the seconds that a run took.
    """
    if stated / FACTOR <= took <= stated * FACTOR:
        return ""
    stated_text, usual = format_duration(stated), f"{round(took, -1) or 10:g}s"
    return f"the file states a duration of {stated_text}, and the run took {took:.0f} s; write `duration: {usual}`"
