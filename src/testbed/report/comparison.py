"""Two series of runs beside each other: what got better or worse, and what is but chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import comb, inf, sqrt
from statistics import NormalDist

from testbed.report.axis import DASH
from testbed.report.distribution import Distribution
from testbed.report.summary import OUTAGE, Summary

CHANCE = 0.05
EXACT = 30  # runs of both series together, up to which all orders are counted
BETTER, WORSE, SPREAD, FEW, SAME, ONE_SIDED = (
    "better", "worse", "within the spread", "too few runs to tell", "same to the probe's resolution", "only in one",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One measure in both series.

    Args:
        name: what was measured, in seconds; less is better.
        before, after: its distributions, None where it was not measured.
        judgement: one of the constants above.
        chance: how probable so great a difference is if nothing changed; None if it was not asked.
    """

    name: str
    before: Distribution | None
    after: Distribution | None
    judgement: str
    chance: float | None = None

    @property
    def difference(self) -> float | None:
        """Seconds between the medians; None if there are not two finite ones."""
        if self.before is None or self.after is None or inf in (self.before.median, self.after.median):
            return None
        return self.after.median - self.before.median


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
class Comparison:
    """All of it.

    Args:
        before, after: the runs.
        rows: measures.
        tallies: checks and counts.
        remarks: what one should know before believing it.
    """

    before: tuple[Summary, ...]
    after: tuple[Summary, ...]
    rows: tuple[Row, ...]
    tallies: tuple[Tally, ...]
    remarks: tuple[str, ...]


def compare(before: Sequence[Summary], after: Sequence[Summary]) -> Comparison:
    """Compare two series of runs, each with at least one."""
    names = list(dict.fromkeys(name for run in (*before, *after) for name in run.measures()))
    return Comparison(
        tuple(before), tuple(after), tuple(_row(name, before, after) for name in names),
        tuple(_tallies(before, after)), tuple(_remarks(before, after)),
    )  # fmt: skip


def chance(one: Sequence[float], other: Sequence[float]) -> float:
    """How probable ranks as different as these are, either way, if both come from the same source.

    Mann and Whitney's test (Ann. Math. Statist. 18, 1947), ties by middle ranks: exact by counting all ways to
    share the ranks out as long as they are few, else by the normal approximation with its correction for ties.
    """
    ranks = _doubled_ranks([*one, *other])
    n, total = len(one), len(one) + len(other)
    observed = sum(ranks[:n])
    middle = n * (total + 1)  # expected sum of doubled ranks
    if total > EXACT:
        ties = sum(count**3 - count for count in (len(list(group)) for _, group in groupby(sorted(ranks))))
        variance = n * (total - n) / 12 * (total + 1 - ties / (total * (total - 1)))
        if not variance:
            return 1.0
        return min(1.0, 2 * (1 - NormalDist().cdf((abs(observed - middle) / 2 - 0.5) / sqrt(variance))))
    ways: list[dict[int, int]] = [{0: 1}] + [{} for _ in range(n)]
    for rank in ranks:
        for taken in range(n, 0, -1):
            for value, count in ways[taken - 1].items():
                ways[taken][value + rank] = ways[taken].get(value + rank, 0) + count
    extreme = sum(count for value, count in ways[n].items() if abs(value - middle) >= abs(observed - middle))
    return extreme / comb(total, n)


def _doubled_ranks(values: Sequence[float]) -> list[int]:
    """Each value's rank times two, so that the middle ranks of ties are whole."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0] * len(values)
    for _, group in groupby(enumerate(order), key=lambda pair: values[pair[1]]):
        tied = list(group)
        middle = tied[0][0] + tied[-1][0] + 2
        for _, place in tied:
            ranks[place] = middle
    return ranks


def _row(name: str, before: Sequence[Summary], after: Sequence[Summary]) -> Row:
    old, new = ([found[name] for run in runs if name in (found := run.measures())] for runs in (before, after))
    if not old or not new:
        return Row(name, Distribution.of(old) if old else None, Distribution.of(new) if new else None, ONE_SIDED)
    one, other = Distribution.of(old), Distribution.of(new)
    if 2 / comb(len(old) + len(new), len(old)) > CHANCE:
        # Though every run of the one were faster than every run of the other, it could be chance.
        return Row(name, one, other, FEW)
    likely = chance(old, new)
    row = Row(name, one, other, SPREAD, likely)
    if likely > CHANCE:
        return row
    if row.difference is not None and abs(row.difference) <= _resolution(name, [*before, *after]):
        return Row(name, one, other, SAME, likely)
    return Row(name, one, other, BETTER if other.median < one.median else WORSE, likely)


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
        told = " / ".join(" ".join(f"{key}={value}" for key, value in each) or "unknown" for each in sorted(platforms))
        remarks.append(f"they ran on different platforms: {told}")
    damaged = [run.run for run in (*before, *after) if run.damage]
    if damaged:
        remarks.append(f"the journals of these are damaged: {', '.join(damaged)}")
    few = min(len(before), len(after))
    if few < 4:
        remarks.append(f"{few} run{'s' if few > 1 else ''} on one side: repeat them (testbed run FILE --repeat 5)")
    return remarks
