"""Two series of runs beside each other: what got better or worse, and what may be chance.

Some twenty measures are tested at once. Each p-value is corrected for that, so that two series of the same thing show a
change in one comparison of twenty, not in most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from testbed.report.axis import DASH
from testbed.report.distribution import Distribution
from testbed.report.rank_tests import LEVEL, hodges_lehmann, holm_correction, p_value, smallest_p_value
from testbed.report.summary import OUTAGE, Summary

BETTER, WORSE, SPREAD, FEW, SAME, ONE_SIDED = (
    "better", "worse", "within the spread", "too few runs", "same to the probe's resolution", "only in one",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """One measure in both series.

    Args:
        name: what was measured, in seconds; less is better.
        before, after: its distributions, None where it was not measured.
        judgement: one of the constants above.
        p: the p-value of the rank test, corrected for the number of measures; None if it was not tested.
        difference: seconds by which the runs after are slower (Hodges and Lehmann's estimate); None if a value is
            infinite, or it was not tested.
        low: lower limit of the difference, with a confidence of 95 %.
        high: upper limit.
    """

    name: str
    before: Distribution | None
    after: Distribution | None
    judgement: str
    p: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How often one check held, or how often something was counted.

    Args:
        name: of the check, or of what was counted.
        before, after: as "4 of 5".
        changed: whether they differ.
    """

    name: str
    before: str
    after: str
    changed: bool


@dataclass(frozen=True, slots=True)
class SeriesComparison:
    """All of it.

    Args:
        before, after: the runs.
        rows: measures.
        tallies: checks and counts.
        remarks: what one should know before believing it.
    """

    before: tuple[Summary, ...]
    after: tuple[Summary, ...]
    rows: tuple[MeasureRow, ...]
    tallies: tuple[Tally, ...]
    remarks: tuple[str, ...]


def compare(before: Sequence[Summary], after: Sequence[Summary]) -> SeriesComparison:
    """Compare two series of runs, each with at least one."""
    return SeriesComparison(
        tuple(before), tuple(after), tuple(_rows(before, after)), tuple(_tallies(before, after)),
        tuple(_remarks(before, after)),
    )  # fmt: skip


def _rows(before: Sequence[Summary], after: Sequence[Summary]) -> list[MeasureRow]:
    """Every measure of either side, judged; the p-values are corrected for how many were tested."""
    names = list(dict.fromkeys(name for run in (*before, *after) for name in run.measures()))
    values = {
        name: tuple([found[name] for run in runs if name in (found := run.measures())] for runs in (before, after))
        for name in names
    }
    both = [name for name in names if all(values[name])]
    tested = [name for name in both if _can_be_significant(len(values[name][0]), len(values[name][1]), len(both))]
    corrected = dict(zip(tested, holm_correction([p_value(*values[name]) for name in tested]), strict=True))
    rows = []
    for name in names:
        old, new = values[name]
        if name not in both:
            rows.append(
                MeasureRow(
                    name, Distribution.of(old) if old else None, Distribution.of(new) if new else None, ONE_SIDED
                )
            )
        elif name not in tested:
            rows.append(MeasureRow(name, Distribution.of(old), Distribution.of(new), FEW))
        else:
            rows.append(_judged(name, old, new, corrected[name], _resolution(name, [*before, *after])))
    return rows


def _can_be_significant(n: int, m: int, measures: int) -> bool:
    """Whether some difference would be significant among so many measures."""
    return smallest_p_value(n, m) * measures <= LEVEL


def _judged(name: str, old: Sequence[float], new: Sequence[float], p: float, resolution: float) -> MeasureRow:
    one, other, found = Distribution.of(old), Distribution.of(new), hodges_lehmann(old, new)
    row = MeasureRow(name, one, other, SPREAD, p, *(found or ()))
    if p > LEVEL:
        return row
    if row.difference is not None and abs(row.difference) <= resolution:
        return replace(row, judgement=SAME)
    less = other.median < one.median if row.difference is None else row.difference < 0
    return replace(row, judgement=BETTER if less else WORSE)


def _resolution(name: str, runs: Sequence[Summary]) -> float:
    probe = name.removeprefix(OUTAGE)
    return max((run.outages[probe].resolution for run in runs if probe in run.outages), default=0.0)


def _tallies(before: Sequence[Summary], after: Sequence[Summary]) -> list[Tally]:
    names = list(dict.fromkeys(check.name for run in (*before, *after) for check in run.checks))
    tallies = [_tally("verdict pass", *([run.verdict == "pass" for run in runs] for runs in (before, after)))]
    for name in names:
        held = [[each.status == "pass" for run in runs for each in run.checks if each.name == name]
                for runs in (before, after)]  # fmt: skip
        tallies.append(_tally(f"{name} pass", *held))
    for what, count in (
        ("failed requests", lambda run: run.requests.failed),
        ("sessions lost", lambda run: run.sessions_lost),
        ("acknowledged writes missing", lambda run: run.writes.missing),
    ):
        old, new = sum(map(count, before)), sum(map(count, after))
        mean = [f"{value / len(runs):.4g} a run" for value, runs in ((old, before), (new, after))]
        tallies.append(Tally(what, mean[0], mean[1], mean[0] != mean[1]))
    return tallies


def _tally(name: str, old: list[bool], new: list[bool]) -> Tally:
    texts = [f"{sum(each)} of {len(each)}" if each else DASH for each in (old, new)]
    shares = [sum(each) / len(each) if each else None for each in (old, new)]
    return Tally(name, texts[0], texts[1], shares[0] != shares[1])


def _remarks(before: Sequence[Summary], after: Sequence[Summary]) -> list[str]:
    remarks = []
    names = sorted({run.name for run in (*before, *after)})
    if len(names) > 1:
        remarks.append(f"these are different incidents: {', '.join(names)}")
    platforms = {tuple(sorted(run.platform.items())) for run in (*before, *after)}
    if len(platforms) > 1:
        text = " / ".join(" ".join(f"{key}={value}" for key, value in each) or "unknown" for each in sorted(platforms))
        remarks.append(f"they ran on different platforms: {text}")
    damaged = [run.run for run in (*before, *after) if run.damage]
    if damaged:
        remarks.append(f"the journals of these are damaged: {', '.join(damaged)}")
    measures = len({*_measured(before)} & {*_measured(after)})
    few, enough = min(len(before), len(after)), 1
    while not _can_be_significant(enough, enough, measures):
        enough += 1
    if few < enough:
        remarks.append(
            f"{few} run{'s' if few > 1 else ''} on one side: {measures} measures need {enough} on each; repeat them "
            f"(testbed run FILE --repeat {enough})"
        )
    return remarks


def _measured(runs: Sequence[Summary]) -> set[str]:
    return {name for run in runs for name in run.measures()}
