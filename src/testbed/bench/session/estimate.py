"""The median of few measurements, with an interval that assumes nothing about their distribution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median with its interval.

    Attributes:
        n: how many measurements.
        median: the middle one.
        low, high: the limits of the interval: two of the measurements.
        confidence: how probable it is that the interval contains the true median.
    """

    n: int
    median: float
    low: float
    high: float
    confidence: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """The estimate from at least one measurement.

        Each measurement lies below the true median with a probability of one half. So the number of those below has a
        binomial distribution, and the k-th smallest and the k-th largest enclose the median with a probability that
        depends on n and k alone. The interval is the narrowest with 95 %. Fewer than six measurements reach less than
        95 %; their interval is their range.

        Raises:
            ValueError: there is no measurement.
        """
        if not values:
            raise ValueError("no measurement, no estimate")
        ordered = sorted(values)
        depth = max((k for k in range(1, len(ordered) // 2 + 1) if coverage(len(ordered), k) >= CONFIDENCE), default=1)
        return cls(
            len(ordered), median(ordered), ordered[depth - 1], ordered[-depth], coverage(len(ordered), depth)
        )  # fmt: skip


def coverage(n: int, depth: int) -> float:
    """How probable it is that the true median lies between the k-th smallest and the k-th largest of n measurements.

    Args:
        n: how many measurements.
        depth: k; 1 is the range.
    """
    outside: int = 2 * sum(comb(n, below) for below in range(depth))
    return 1.0 - outside / float(2**n)


def ratios(values: Sequence[float], bases: Sequence[float]) -> list[float]:
    """Return the ratio of each pair: what was measured in one round, divided by the base of the same round.

    A machine that slows down from round to round touches both of a pair, and their ratio less.

    Args:
        values: of one variant, a value for each round.
        bases: of the base, in the same order.
    """
    return [value / base for value, base in zip(values, bases, strict=True) if base]
