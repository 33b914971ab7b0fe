"""How a cost grows with a size: the slope by least squares, and the exponent on logarithmic scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log

CONFIDENCE = 0.95
# An exponent up to this one counts as linear: sorting takes n log n, whose exponent is 1.1 at these sizes.
LINEAR = 1.1
# A line through two points has no spread, so it has no interval.
FEWEST_POINTS, FEWEST_SIZES = 3, 2


class GrowthKind(StrEnum):
    """How a cost grows with a size."""

    NONE = "no significant growth"
    LINEAR = "linear or less"
    WORSE = "worse than linear"
    UNDECIDED = "undecided: the interval reaches beyond linear"
    TOO_FEW = "too few measurements"


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A coefficient with its 95 % interval (Student's t distribution of the residuals).

    Attributes:
        value: by least squares.
        low, high: the limits of the interval.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Growth:
    """A cost against a size.

    Attributes:
        n: how many measurements.
        slope: cost for one more of the size; None if there are too few measurements.
        fixed: cost at size zero, on the fitted line; None as for the slope.
        exponent: of the size, on logarithmic scales; None as for the slope, or if some cost or size is not positive.
            A fixed cost lowers it.
        kind: how the cost grows.
    """

    n: int
    slope: Coefficient | None
    fixed: float | None
    exponent: Coefficient | None
    kind: GrowthKind

    @classmethod
    def of(cls, sizes: Sequence[float], costs: Sequence[float]) -> Growth:
        """Fit costs against sizes.

        Args:
            sizes: one for each measurement.
            costs: in the same order.
        """
        if len(sizes) < FEWEST_POINTS or len(set(sizes)) < FEWEST_SIZES:
            return cls(len(sizes), None, None, None, GrowthKind.TOO_FEW)
        slope, fixed = _line(sizes, costs)
        exponent = None
        if min(*sizes, *costs) > 0:
            exponent, _ = _line([log(size) for size in sizes], [log(cost) for cost in costs])
        return cls(len(sizes), slope, fixed, exponent, _kind(slope, exponent))


def _line(sizes: Sequence[float], costs: Sequence[float]) -> tuple[Coefficient, float]:
    """Return the slope and the intercept of the line by least squares."""
    from scipy import stats  # noqa: PLC0415 - it takes a second to import, and few commands need it

    found = stats.linregress(sizes, costs)
    width = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(sizes) - 2)) * float(found.stderr)
    value = float(found.slope)
    return Coefficient(value, value - width, value + width), float(found.intercept)


def _kind(slope: Coefficient, exponent: Coefficient | None) -> GrowthKind:
    if exponent is not None and exponent.low > LINEAR and slope.value > 0:
        return GrowthKind.WORSE
    if slope.low <= 0:
        return GrowthKind.NONE
    if exponent is None or exponent.high > LINEAR:
        return GrowthKind.UNDECIDED
    return GrowthKind.LINEAR
