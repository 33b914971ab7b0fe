"""The result of a check: a verdict with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check came out; UNKNOWN when the journal does not hold enough to judge."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact that a verdict rests on.

    Args:
        text: the fact, one line.
        at: when, in monotonic seconds, if it has a time.
        node: where, if at a node.
    """

    text: str
    at: float | None = None
    node: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found.

    Args:
        check: the check's name, as incident files use it.
        status: how it came out.
        summary: one paragraph for people.
        evidence: the facts, worst first.
        documented: why a failure is known and accepted, from the incident file; empty if it is not.
        causes: the texts of the evidence that made it fail.
    """

    check: str
    status: Status
    summary: str
    evidence: tuple[Evidence, ...] = ()
    documented: str = ""
    causes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the run may pass with it: it passed, or its failure is known."""
        return self.status is Status.PASS or (self.status is Status.FAIL and bool(self.documented))


def overall_status(verdicts: list[Verdict]) -> Status:
    """The verdict over all: one that fails and is not a known failure fails them all, one unknown leaves doubt."""
    if any(each.status is Status.FAIL and not each.documented for each in verdicts):
        return Status.FAIL
    if not verdicts or any(each.status is Status.UNKNOWN for each in verdicts):
        return Status.UNKNOWN
    return Status.PASS
