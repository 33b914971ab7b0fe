"""The base class of checks, and all that is registered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from testbed.checks.expectations import Profile
    from testbed.checks.recorded_run import RecordedRun
    from testbed.checks.verdict import Verdict


class Check(ABC):
    """Judges one property of a recorded run.

    All that testbed knows of a check stands in its class. To add one, write its file, and add a line to the registry.
    Incident files, schema, documentation and report page read the class.

    Attributes:
        name: what incident files call it; also its heading in docs/checks.md.
        passes_if: the condition of a verdict *pass*.
        unknown_if: the condition of a verdict *unknown*.
        asked_by: the keys of ``expect`` that ask for it.
        judges: the runs that it judges although no key asks for it; empty: none.
    """

    name: ClassVar[str]
    passes_if: ClassVar[str]
    unknown_if: ClassVar[str]
    asked_by: ClassVar[tuple[str, ...]] = ()
    judges: ClassVar[str] = ""

    @property
    def title(self) -> str:
        """What it judges, in one sentence: the first line of the class's docstring."""
        return (self.__doc__ or "").partition("\n")[0]

    @abstractmethod
    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict; None if the run has nothing that this check judges."""

    def is_asked(self, expect: Profile) -> bool:
        """Whether some key of the expectations asks for this check."""
        # A limit of 0 asks too.
        values = (getattr(expect, key) for key in self.asked_by)
        return any(value is not None and value is not False and value not in ({}, []) for value in values)

    @property
    def judged_runs(self) -> str:
        """The runs that it judges, in a few words of Markdown."""
        keys = " or ".join(f"`{key}`" for key in self.asked_by)
        return "; ".join(each for each in (self.judges, f"runs that expect {keys}" if keys else "") if each)


_CHECKS: dict[str, Check] = {}
# All checks by name, in the order in which they judge.
CHECKS: Mapping[str, Check] = _CHECKS


def register(check: Check) -> None:
    """Add a check; a second one of the same name is refused.

    Raises:
        ValueError: the name is taken.
    """
    if check.name in _CHECKS:
        raise ValueError(f"a check {check.name!r} exists")
    _CHECKS[check.name] = check


def documentation(name: str) -> str:
    """Return the place of a verdict's documentation in the repository."""
    return f"docs/checks.md#{name}"
