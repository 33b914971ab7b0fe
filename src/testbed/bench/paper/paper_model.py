"""The parts of a claim: variants that are measured in turns, measures, and the paper's figures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from testbed.cluster import Cluster
from testbed.progress import PrintLine

Take = Callable[[str], Mapping[str, float]]
"""Measures one variant once: called with its name, returns a value for each measure."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity that each turn measures.

    Attributes:
        key: its name in the journal.
        title: its name for people.
        unit: of its values.
    """

    key: str
    title: str
    unit: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """A figure of the paper, as limits of a figure that is measured.

    Attributes:
        statement: what the paper says.
        measure: the key of the measure.
        variant: the variant that shows it.
        base: the variant that it is divided by; empty: the value itself is compared.
        at_least: the claim holds from this value on.
        at_most: the claim holds up to this value.
        strict: whether the whole interval must be beyond the limit: the claim is that there is a difference.
        reason: the likely reason when it does not reproduce.
    """

    statement: str
    measure: str
    variant: str
    base: str = ""
    at_least: float | None = None
    at_most: float | None = None
    strict: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose.

    Attributes:
        rounds: how often each variant is measured; 0: as often as is usual for the claim.
        seconds: how long each measurement lasts.
        users: webmail users of the claims that have a load.
    """

    rounds: int
    seconds: float
    users: int


class PaperClaim(ABC):
    """A quantitative claim of the 2006 design.

    Attributes:
        key: what the user types.
        title: its name for people.
        method: how it is measured, in a few sentences.
        variants: what is measured in turns, by name.
        bases: the variant that each other one is divided by; those that are not named have none.
        base_title: what the bases are, in words.
        measures: what each turn measures.
        expectations: the paper's figures.
        rounds: how often each variant is measured by default. Six are the fewest whose interval has 95 %.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    method: ClassVar[str]
    variants: ClassVar[tuple[str, ...]]
    bases: ClassVar[Mapping[str, str]] = {}
    base_title: ClassVar[str] = ""
    measures: ClassVar[tuple[Measure, ...]]
    expectations: ClassVar[tuple[Expectation, ...]] = ()
    rounds: ClassVar[int] = 6

    @abstractmethod
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> AbstractContextManager[Take]:
        """Prepare the cluster for the claim's measurements, and undo that at the end, whatever happens.

        Args:
            cluster: a cluster that is up.
            options: what the user chose.
            print_line: called with a line when something is prepared.
        """
