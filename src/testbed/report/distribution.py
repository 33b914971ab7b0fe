"""A distribution, not a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, comb, sqrt
from statistics import median

# Of fewer values, the nearest rank to 95 % is the maximum.
FEWEST = 20
CONFIDENCE = 0.95
# The quantile of the normal distribution that leaves 2.5 % on either side.
_NORMAL = 1.959964


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


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval that holds the median of the source with a confidence of at least 95 %.

    Its ends are two of the values, by the binomial distribution of how many lie below the median (Conover, Practical
    Nonparametric Statistics, section 3.2). No shape of the distribution is assumed, and a value may be infinite.

    Args:
        values: measurements.

    Returns:
        Lower and upper end; None of fewer than 6 values, whose minimum and maximum are not far enough apart.
    """
    n, ordered = len(values), sorted(values)
    below, rank = 0.0, 0
    while rank < n // 2 and (below := below + comb(n, rank) / 2**n) <= (1 - CONFIDENCE) / 2:
        rank += 1
    return (ordered[rank - 1], ordered[n - rank]) if rank else None


def share_interval(count: int, n: int) -> tuple[float, float]:
    """Return the interval that holds the probability of an event with a confidence of 95 % (Wilson, 1927).

    Args:
        count: how often it happened.
        n: of how many times, at least 1.
    """
    share, squared = count / n, _NORMAL**2
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    reach = _NORMAL / (1 + squared / n) * sqrt(share * (1 - share) / n + squared / (4 * n * n))
    return (0.0 if not count else max(0.0, middle - reach)), (1.0 if count == n else min(1.0, middle + reach))
