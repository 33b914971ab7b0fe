"""What the samples of a session come to: estimates, ratios, and whether the paper's figures reproduce."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from testbed.bench.paper.paper_model import Expectation, PaperClaim
from testbed.bench.session.estimate import CONFIDENCE, Estimate, ratios
from testbed.bench.session.samples import Sample
from testbed.bench.session.subject import Measure


class Judgement(StrEnum):
    """How a measured figure stands to the paper's."""

    REPRODUCED = "reproduced"
    EXCEEDED = "reproduced, beyond the paper's figure"
    NOT_SHOWN = "not shown: the interval includes equality"
    NOT_REPRODUCED = "not reproduced"
    TOO_FEW = "too few rounds: six are needed"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Row:
    """One variant by one measure.

    Attributes:
        variant: its name.
        values: one of each round, by round.
        estimate: of the values.
        ratio: of the values to the base's of the same rounds; None if it has no base, or they share no round.
    """

    variant: str
    values: Mapping[int, float]
    estimate: Estimate
    ratio: Estimate | None


@dataclass(frozen=True, slots=True)
class Found:
    """A figure of the paper, and what was measured.

    Attributes:
        expectation: the paper's figure.
        unit: of the figure that was measured; empty for a ratio.
        estimate: of the figure; None if it was not measured.
        judgement: how it stands to the paper's.
    """

    expectation: Expectation
    unit: str
    estimate: Estimate | None
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Result:
    """What the samples of a claim come to.

    Attributes:
        claim: the claim.
        rows: by measure, a row for each variant that was measured.
        found: the paper's figures.
        n: the most rounds that a variant has.
    """

    claim: PaperClaim
    rows: Mapping[Measure, Sequence[Row]]
    found: Sequence[Found]
    n: int


def result(claim: PaperClaim, samples: Iterable[Sample]) -> Result:
    """Compute what the samples of a claim come to.

    Args:
        claim: the claim.
        samples: of a session; those of other claims are left out.
    """
    own = [each for each in samples if each.claim == claim.key]
    rows = {measure: _rows(claim, measure.key, own) for measure in claim.measures}
    counts = [row.estimate.n for several in rows.values() for row in several]
    found = [_found(claim, each, own) for each in claim.expectations]
    return Result(
        claim, {measure: several for measure, several in rows.items() if several}, found, max(counts, default=0)
    )


def _rows(claim: PaperClaim, measure: str, samples: Sequence[Sample]) -> list[Row]:
    rows = []
    for variant in claim.variants:
        values = _values(samples, variant, measure)
        if values:
            base = claim.bases.get(variant, "")
            ratio = _ratio(values, _values(samples, base, measure)) if base else None
            rows.append(Row(variant, values, Estimate.of(list(values.values())), ratio))
    return rows


def _values(samples: Sequence[Sample], variant: str, measure: str) -> dict[int, float]:
    """The values of a variant by round."""
    found = {each.round: each.values[measure] for each in samples if each.variant == variant and measure in each.values}
    return dict(sorted(found.items()))


def _ratio(values: Mapping[int, float], bases: Mapping[int, float]) -> Estimate | None:
    rounds = [number for number in values if number in bases]
    paired = ratios([values[number] for number in rounds], [bases[number] for number in rounds])
    return Estimate.of(paired) if paired else None


def _found(claim: PaperClaim, expected: Expectation, samples: Sequence[Sample]) -> Found:
    values = _values(samples, expected.variant, expected.measure)
    estimate = Estimate.of(list(values.values())) if values else None
    unit = next(each.unit for each in claim.measures if each.key == expected.measure)
    if expected.base:
        estimate, unit = _ratio(values, _values(samples, expected.base, expected.measure)), ""
    return Found(expected, unit, estimate, judge(expected, estimate))


def judge(expected: Expectation, estimate: Estimate | None) -> Judgement:
    """Compare the interval of a figure with the limit of the claim.

    A figure reproduces when some value of its interval is within the limit. When all of them are, it is beyond the
    paper's figure. A strict claim, that one of two is better, reproduces only then.
    """
    if estimate is None:
        return Judgement.NOT_MEASURED
    if estimate.confidence < CONFIDENCE:
        return Judgement.TOO_FEW
    if expected.at_least is not None:
        some, every = estimate.high >= expected.at_least, estimate.low > expected.at_least
    else:
        most = inf if expected.at_most is None else expected.at_most
        some, every = estimate.low <= most, estimate.high < most
    if not some:
        return Judgement.NOT_REPRODUCED
    if expected.strict:
        return Judgement.REPRODUCED if every else Judgement.NOT_SHOWN
    return Judgement.EXCEEDED if every else Judgement.REPRODUCED
