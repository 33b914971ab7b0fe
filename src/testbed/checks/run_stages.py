"""When the stages of a run began and ended."""

from __future__ import annotations

from math import inf

from testbed.journal import Journal, Mark

# The mark of probes or a load that ended before they were stopped.
PROGRAM_ENDED = "program-ended"


def first_mark(journal: Journal, name: str) -> Mark | None:
    """The first mark of this name."""
    return next((each for each in journal.of(Mark) if each.name == name), None)


def stage_time(journal: Journal, name: str) -> float | None:
    """When a stage of the run was reached; None if it was not."""
    found = first_mark(journal, name)
    return None if found is None else found.at


def ended_programs(journal: Journal) -> dict[str, str]:
    """Return the probes, and ``load``, that ended before they were stopped, each with the reason."""
    return {
        name: mark.attrs.get("reason", "")
        for mark in journal.of(Mark)
        if mark.name == PROGRAM_ENDED
        for name in mark.attrs.get("measures", "").split()
    }


def is_complete(journal: Journal) -> bool:
    """Whether the run came to its end and the journal holds all of it: only then does silence prove anything."""
    return not journal.damage and first_mark(journal, "run-ends") is not None


def observation_period(journal: Journal) -> tuple[float, float]:
    """The time that expectations are about: from the steady state to the timeline's end, if the journal has them."""
    begin = stage_time(journal, "steady")
    ends = [at for name in ("timeline-done", "probes-end", "run-ends") if (at := stage_time(journal, name)) is not None]
    return (-inf if begin is None else begin), min(ends, default=inf)
