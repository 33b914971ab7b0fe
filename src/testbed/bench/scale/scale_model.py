"""A cost against a size: what is measured at several sizes, and which of the measures grow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from testbed.bench.scale.slope import Growth
from testbed.bench.session.estimate import Estimate
from testbed.bench.session.samples import Sample
from testbed.bench.session.subject import BenchSubject, Measure

# Beyond this share of the processors, latencies and costs are those of a host without a free processor.
SATURATED = 85.0
# The measure that says so, where a subject has it.
BUSY = Measure("busy", "processors busy by all containers", "%")


class ScaleSubject(BenchSubject):
    """The cost of the testbed against one size.

    Attributes:
        sizes: at which the cost is measured.
        size_title: what the size counts, in plural.
        size_unit: one of the size, for the unit of a slope.
        measured_size: key of the measure that is the true size of a turn; empty: the size that was asked for.
        context: keys of measures that explain the costs and are not costs themselves.
        needs_cluster: whether a cluster must be up.
    """

    sizes: ClassVar[tuple[int, ...]]
    size_title: ClassVar[str]
    size_unit: ClassVar[str]
    measured_size: ClassVar[str] = ""
    context: ClassVar[Collection[str]] = ()
    needs_cluster: ClassVar[bool] = True

    @property
    def costs(self) -> tuple[Measure, ...]:
        """The measures that are fitted against the size."""
        return tuple(each for each in self.measures if each.key not in (*self.context, self.measured_size))


def variant_names(sizes: Iterable[int], title: str) -> tuple[str, ...]:
    """Return the names of the variants: a size and what it counts."""
    return tuple(f"{size} {title}" for size in sizes)


def size_of(variant: str) -> int:
    """Return the size that a variant is named by."""
    return int(variant.partition(" ")[0])


@dataclass(frozen=True, slots=True)
class ScaleResult:
    """What the samples of a subject come to.

    Attributes:
        subject: what was measured.
        rows: for each size that was measured, an estimate of each measure.
        growths: for each cost, how it grows with the size.
        saturated: the sizes at which the host had no free processor.
    """

    subject: ScaleSubject
    rows: Mapping[int, Mapping[Measure, Estimate]]
    growths: Mapping[Measure, Growth]
    saturated: tuple[int, ...]


def scale_result(subject: ScaleSubject, samples: Iterable[Sample]) -> ScaleResult:
    """Compute what the samples of a subject come to.

    Args:
        subject: what was measured.
        samples: of a session; those of other subjects are left out.
    """
    own = [each for each in samples if each.claim == subject.key and each.variant in subject.variants]
    rows = {}
    for variant in subject.variants:
        here = [each for each in own if each.variant == variant]
        if here:
            rows[size_of(variant)] = {
                measure: Estimate.of(values)
                for measure in subject.measures
                if (values := [each.values[measure.key] for each in here if measure.key in each.values])
            }
    growths = {measure: _growth(subject, measure, own) for measure in subject.costs} if own else {}
    busy = {size: estimates[BUSY].median for size, estimates in rows.items() if BUSY in estimates}
    return ScaleResult(subject, rows, growths, tuple(size for size, percent in busy.items() if percent > SATURATED))


def _growth(subject: ScaleSubject, measure: Measure, samples: Sequence[Sample]) -> Growth:
    known = [each for each in samples if measure.key in each.values]
    sizes = [each.values.get(subject.measured_size, float(size_of(each.variant))) for each in known]
    return Growth.of(sizes, [each.values[measure.key] for each in known])
