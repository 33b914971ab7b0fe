"""A distribution, not a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

# Of fewer values, the nearest rank to 95 % is the maximum.
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Distribution:
    """What several measurements of one thing came to, in the thing's unit.

    Args:
        n: how many measurements.
        median: the middle one.
        p95: the smallest that 95 % of them do not exceed (nearest rank: never an interpolated value); None of fewer
            than 20 measurements.
        minimum, maximum: the best and the worst.
    """

    n: int
    median: float
    p95: float | None
    minimum: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Distribution:
        """The distribution of at least one value.

        Raises:
            ValueError: there is none.
        """
        if not values:
            raise ValueError("no measurement, no distribution")
        ordered = sorted(values)
        p95 = ordered[ceil(0.95 * len(ordered)) - 1] if len(ordered) >= FEWEST else None
        return cls(len(ordered), median(ordered), p95, ordered[0], ordered[-1])

    def tail(self, shown: Callable[[float], str]) -> str:
        """The upper end in words: ``p95 2.65, max 2.70``, or ``max of 5: 2.70`` where n allows no percentile.

        Args:
            shown: formats a value.
        """
        if self.p95 is None:
            return f"max of {self.n}: {shown(self.maximum)}"
        return f"p95 {shown(self.p95)}, max {shown(self.maximum)}"
