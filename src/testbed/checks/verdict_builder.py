"""Collects the evidence of one check and makes its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from testbed.checks.verdict import Evidence, Status, Verdict

# More facts of one kind than people read.
MOST = 20


@dataclass
class VerdictBuilder:
    """What a check found; its verdict follows from it.

    Args:
        wrong: each makes it fail.
        doubtful: each, if nothing is wrong, leaves it unknown.
        facts: what else is to be known.
    """

    wrong: list[Evidence] = field(default_factory=list)
    doubtful: list[Evidence] = field(default_factory=list)
    facts: list[Evidence] = field(default_factory=list)

    def fail(self, text: str, at: float | None = None, node: str = "") -> None:
        """Something is wrong."""
        self.wrong.append(Evidence(text, _finite(at), node))

    def doubt(self, text: str, at: float | None = None, node: str = "") -> None:
        """Something cannot be known."""
        self.doubtful.append(Evidence(text, _finite(at), node))

    def note(self, text: str, at: float | None = None, node: str = "") -> None:
        """Something is the case."""
        self.facts.append(Evidence(text, _finite(at), node))

    def verdict(self, check: str, summary: str = "") -> Verdict:
        """The verdict.

        Args:
            check: the check's name.
            summary: by default what is wrong or in doubt.
        """
        status = Status.FAIL if self.wrong else Status.UNKNOWN if self.doubtful else Status.PASS
        texts = [each.text for each in (self.wrong or self.doubtful or self.facts)[:3]]
        evidence = (*_most(self.wrong), *_most(self.doubtful), *_most(self.facts))
        causes = tuple(each.text for each in self.wrong)
        return Verdict(check, status, summary or "; ".join(texts), evidence, causes=causes)


def _most(evidence: Sequence[Evidence]) -> Sequence[Evidence]:
    more = len(evidence) - MOST
    return [*evidence[:MOST], Evidence(f"and {more} more")] if more > 0 else evidence


def _finite(at: float | None) -> float | None:
    return None if at is None or at in (inf, -inf) else at
