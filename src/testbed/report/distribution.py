"""A distribution, not a number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median


@dataclass(frozen=True, slots=True)
class Distribution:
    """What several measurements of one thing came to, in the thing's unit.

    Args:
        n: how many measurements.
        median: the middle one.
        p95: the smallest that 95 % of them do not exceed (nearest rank: never an interpolated value).
        minimum, maximum: the best and the worst.
    """

    n: int
    median: float
    p95: float
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
        return cls(len(ordered), median(ordered), ordered[ceil(0.95 * len(ordered)) - 1], ordered[0], ordered[-1])
