"""What a session measures: variants that are measured in turns, and measures of each."""

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
class Options:
    """What the user chose.

    Attributes:
        rounds: how often each variant is measured; 0: as often as is usual for the subject.
        seconds: how long each measurement lasts.
        users: webmail users of the subjects that have a load.
    """

    rounds: int
    seconds: float
    users: int


class BenchSubject(ABC):
    """What is measured: a claim of the paper, or the cost of a size.

    Attributes:
        key: what the user types.
        title: its name for people.
        method: how it is measured, in a few sentences.
        variants: what is measured in turns, by name.
        measures: what each turn measures.
        rounds: how often each variant is measured by default. Six are the fewest whose interval has 95 %.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    method: ClassVar[str]
    variants: ClassVar[tuple[str, ...]]
    measures: ClassVar[tuple[Measure, ...]]
    rounds: ClassVar[int] = 6

    @abstractmethod
    def stage(self, cluster: Cluster, options: Options, print_line: PrintLine) -> AbstractContextManager[Take]:
        """Prepare the cluster for the measurements, and undo that at the end, whatever happens.

        Args:
            cluster: a cluster that is up.
            options: what the user chose.
            print_line: called with a line when something is prepared.
        """
