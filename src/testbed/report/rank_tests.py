"""Statistics of two small samples by their ranks. SciPy is imported on demand: it takes a second, and few need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import comb, inf, isfinite
from statistics import median

LEVEL = 0.05
# Ways to share the ranks out that are all counted where values are tied; of more, so many are drawn.
RESAMPLES = 20_000
SEED = 2006


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """How probable ranks at least as different are, either way, if both samples come from one source.

    Mann and Whitney's test (Ann. Math. Statist. 18, 1947) by SciPy: exact for small samples, and with tied values by
    permutations.

    Args:
        one: values, infinite ones too.
        other: likewise.
    """
    from scipy import stats  # noqa: PLC0415 - see above

    tied = len({*one, *other}) < len(one) + len(other)
    method: object = "auto"
    if tied and comb(len(one) + len(other), len(one)) <= RESAMPLES:
        method = stats.PermutationMethod(n_resamples=RESAMPLES, rng=SEED)
    return float(stats.mannwhitneyu(one, other, alternative="two-sided", method=method).pvalue)


def smallest_p_value(n: int, m: int) -> float:
    """The p-value of two samples without any overlap: no difference can give a smaller one.

    Args:
        n: size of the one sample.
        m: size of the other.
    """
    return 2 / comb(n + m, n)


def holm_correction(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number, in the same order.

    Holm's step-down procedure (Scand. J. Statist. 6, 1979): if nothing differs, the probability that any of the
    corrected values is at most 0.05 is at most 0.05.

    Args:
        p_values: one of each comparison.
    """
    corrected = [0.0] * len(p_values)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = least
    return corrected


def hodges_lehmann(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float] | None:
    """By how much the other sample is higher, and between which limits that lies with a confidence of 95 %.

    The estimate is the median of all differences (Hodges and Lehmann, Ann. Math. Statist. 34, 1963). The interval holds
    every shift that the rank test does not reject at 5 %; its ends are infinite where the samples are too small.

    Args:
        one: values.
        other: values.

    Returns:
        Estimate, lower and upper limit; None if a value is infinite.
    """
    if not all(map(isfinite, (*one, *other))):
        return None
    estimate = median(high - low for high in other for low in one)
    # Between two neighbouring differences the ranks, and so the test, do not change.
    stretches = list(pairwise([-inf, *sorted({high - low for high in other for low in one}), inf]))

    def accepted(place: int) -> bool:
        tried = _within(*stretches[place])
        return p_value(one, [value - tried for value in other]) > LEVEL

    below = next(place for place, (_, end) in enumerate(stretches) if estimate <= end)
    above = next(place for place, (_, end) in enumerate(stretches) if estimate < end)
    last = len(stretches) - 1
    lowest = stretches[_first(accepted, 0, below)][0] if accepted(below) else estimate
    highest = stretches[last - _first(lambda place: accepted(last - place), 0, last - above)][1]
    return estimate, lowest, highest if accepted(above) else estimate


def _within(low: float, high: float) -> float:
    if low == -inf:
        return high - 1.0
    return low + 1.0 if high == inf else (low + high) / 2


def _first(accepted: Callable[[int], bool], low: int, high: int) -> int:
    """The first accepted place, by halving: from it on up to ``high`` all are."""
    while low < high:
        middle = (low + high) // 2
        if accepted(middle):
            high = middle
        else:
            low = middle + 1
    return low
