"""All samples of one probe, in columns: a million of them must fit into memory, and be gone through quickly."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from testbed.journal.events import Outcome, ProbeSample

OK, FAILED, UNKNOWN = range(3)
OUTCOMES = (Outcome.OK, Outcome.FAILED, Outcome.UNKNOWN)
CODES: Mapping[Outcome, int] = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_NOTHING: Mapping[str, str] = MappingProxyType({})


T = TypeVar("T", bound=Hashable)


class Numbered(Generic[T]):
    """Values that come again and again, each kept once.

    Args:
        first: gets number 0.
    """

    __slots__ = ("_numbers", "values")

    def __init__(self, first: T) -> None:
        self.values = [first]
        self._numbers = {first: 0}

    def number(self, value: T) -> int:
        """The value's number, a new one if it is new."""
        found = self._numbers.get(value)
        if found is None:
            _must_be_text(value)
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
        return found


def _must_be_text(value: object) -> None:
    if isinstance(value, tuple):
        for part in value:
            _must_be_text(part)
    elif not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")


class Series:
    """The samples of one probe; once it is read, in the order in which they were due.

    Attributes:
        probe: the probe's name.
        scheduled, started, finished: monotonic seconds.
        outcomes: ``OK``, ``FAILED`` or ``UNKNOWN``.
    """

    __slots__ = (
        "_attrs", "_attrs_of", "_details", "_details_of", "_tokens", "finished", "outcomes", "probe", "scheduled",
        "started",
    )  # fmt: skip

    def __init__(self, probe: str) -> None:
        self.probe = probe
        self.scheduled = array("d")
        self.started = array("d")
        self.finished = array("d")
        self.outcomes = bytearray()
        # What comes again and again is kept once: texts and attributes by number.
        self._details = Numbered[str]("")
        self._details_of = array("L")
        self._attrs = Numbered[tuple[tuple[str, str], ...]](())
        self._attrs_of = array("L")
        self._tokens: list[str] = []

    @classmethod
    def of(cls, samples: Iterable[ProbeSample]) -> Series:
        """The samples of one probe, given in any order."""
        if isinstance(samples, Series):
            return samples
        series = cls("")
        for sample in samples:
            series.probe = sample.probe
            series.append(
                sample.scheduled, sample.started, sample.finished, CODES[sample.outcome], sample.detail, sample.token,
                sample.attrs,
            )  # fmt: skip
        series.sort()
        return series

    def append(
        self,
        scheduled: float,
        started: float,
        finished: float,
        outcome: int,
        detail: str = "",
        token: str = "",
        attrs: Mapping[str, str] = _NOTHING,
    ) -> None:
        """Add one sample; ``sort`` is due when all are there.

        Raises:
            TypeError: what must be text is none.
        """
        detail_number, attrs_number = self._details.number(detail), self._attrs.number(tuple(attrs.items()))
        if token and not self._tokens:
            self._tokens = [""] * len(self.outcomes)
        if token or self._tokens:
            self._tokens.append(token)
        self.scheduled.append(scheduled)
        self.started.append(started)
        self.finished.append(finished)
        self.outcomes.append(outcome)
        self._details_of.append(detail_number)
        self._attrs_of.append(attrs_number)

    def sort(self) -> None:
        """Put the samples into the order in which they were due."""
        due = self.scheduled
        if all(due[place] <= due[place + 1] for place in range(len(due) - 1)):
            return
        order = sorted(range(len(due)), key=due.__getitem__)
        for name in ("scheduled", "started", "finished", "_details_of", "_attrs_of"):
            column: array[float] | array[int] = getattr(self, name)
            setattr(self, name, array(column.typecode, map(column.__getitem__, order)))
        self.outcomes = bytearray(map(self.outcomes.__getitem__, order))
        if self._tokens:
            self._tokens = [self._tokens[place] for place in order]

    def detail(self, place: int) -> str:
        """Why a sample is not ok."""
        return self._details.values[self._details_of[place]]

    def token(self, place: int) -> str:
        """What a sample tried to store; empty if nothing."""
        return self._tokens[place] if self._tokens else ""

    def attrs(self, place: int) -> Mapping[str, str]:
        """Who answered a sample."""
        return dict(self._attrs.values[self._attrs_of[place]])

    def values(self, attr: str) -> Iterator[str]:
        """One attribute of each sample, in order; empty where it has none."""
        of_each = [dict(pairs).get(attr, "") for pairs in self._attrs.values]
        return (of_each[number] for number in self._attrs_of)

    def count(self, outcome: Outcome) -> int:
        """How many samples ended so."""
        return self.outcomes.count(CODES[outcome])

    def __len__(self) -> int:
        return len(self.outcomes)

    def __getitem__(self, place: int) -> ProbeSample:
        return ProbeSample(
            self.probe,
            self.scheduled[place],
            self.started[place],
            self.finished[place],
            OUTCOMES[self.outcomes[place]],
            self.detail(place),
            self.token(place),
            self.attrs(place),
        )

    def __iter__(self) -> Iterator[ProbeSample]:
        return (self[place] for place in range(len(self)))
