"""Did at most one node hold each address, the database's primary role and the writes, at each instant?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from math import inf

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.role_holders import held_values, reachable_holders
from testbed.checks.states import Span, spans_with_value
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Series
from testbed.journal.series import OK
from testbed.probes.sql import SqlWriteProbe

# Docker stamps a log line when it receives the line. On a busy machine, that is up to so many seconds late.
# Two nodes hold something at once only if they overlap for longer than that and the error of their clocks.
TOLERANCE = 0.25


class OwnershipCheck(Check):
    """No address, primary role or write has two owners at once.

    An overlap within the error of measuring is not reported.
    """

    name = "ownership"
    passes_if = "no address, primary role or write had two owners at any time"
    unknown_if = "no state of it is known"
    judges = "every run"

    def judge(self, run: RecordedRun) -> Verdict:
        """Return the verdict."""
        builder = VerdictBuilder()
        for aspect, value in held_values(run).items():
            _judge_state(run, builder, aspect, value)
        _judge_writes(run, builder)
        for found in run.design.recorded.split_brains(run.lines):
            (builder.fail if found.is_split else builder.note)(found.text, found.at, found.node)
        if not builder.wrong and not builder.doubtful:
            return builder.verdict(self.name, "no address, primary role or write had two owners at any time")
        return builder.verdict(self.name)


def _judge_state(run: RecordedRun, builder: VerdictBuilder, aspect: str, value: str) -> None:
    everyone, of_use = spans_with_value(run.lines, aspect, value), reachable_holders(run, aspect)
    if not everyone:
        builder.doubt(f"no node is known to have held: {aspect}")
    for node, begin, end, text in _together(of_use, f"{aspect} {value}"):
        # An end that is missing may be what the journal lost.
        certain = end < inf or run.complete
        (builder.fail if certain else builder.doubt)(text, begin, node)
    if not builder.wrong:
        for node, begin, _, text in _together(everyone, f"{aspect} {value}"):
            builder.note(f"{text}, one of them frozen or cut off", begin, node)


def _together(holders: Mapping[str, list[Span]], what: str) -> Iterator[tuple[str, float, float, str]]:
    """Whenever two nodes held the same: the one that came second, since when, until when, and that in words."""
    for one, other in combinations(sorted(holders), 2):
        for mine, theirs in _overlaps(holders[one], holders[other]):
            later, sooner = max(mine, theirs, key=_start), min(mine, theirs, key=_end)
            begin, end = later.start, sooner.end
            if end - begin <= TOLERANCE + later.error + sooner.end_error:
                continue
            second = other if later is theirs else one
            length = f"for {end - begin:.2f} s" if end < inf else "to the end"
            yield second, begin, end, f"{what} on {one} and {other} at once, {length}"


def _overlaps(ours: Sequence[Span], others: Sequence[Span]) -> Iterator[tuple[Span, Span]]:
    """Return the pairs of spans that have a time in common; the spans of one node follow one another."""
    starts, ends = [span.start for span in others], [span.end for span in others]
    for mine in ours:
        for place in range(bisect_right(ends, mine.start), bisect_left(starts, mine.end)):
            yield mine, others[place]


def _start(span: Span) -> float:
    return span.start


def _end(span: Span) -> float:
    return span.end


def _judge_writes(run: RecordedRun, builder: VerdictBuilder) -> None:
    """Acknowledged writes pass from one node to another only when the other has become primary between the two."""
    series = run.journal.probes.get(SqlWriteProbe.name)
    if series is None:
        return
    primaries = spans_with_value(run.lines, *run.design.recorded.primary)
    starts = {node: [span.start for span in spans] for node, spans in primaries.items()}
    error = max((span.error for spans in primaries.values() for span in spans), default=0.0) + TOLERANCE
    for node, other, before, after in _passings(series):
        if not primaries:
            builder.doubt("writes were acknowledged by several nodes, and which was primary is not known")
            return
        sent, answered = series.started[before], series.finished[after]
        own = starts.get(other, ())
        near = range(bisect_left(own, sent - error), bisect_right(own, answered + error))
        if not any(_between(primaries[other][place], sent, answered) for place in near):
            text = f"write {series.token(after)} was acknowledged by {other}"
            builder.fail(f"{text}, which was not promoted after {node}'s last write", answered, other)


def _between(span: Span, sent: float, answered: float) -> bool:
    slack = TOLERANCE + span.error
    return sent - slack <= span.start <= answered + slack


def _passings(series: Series) -> Iterator[tuple[str, str, int, int]]:
    """Two writes acknowledged one right after the other by different nodes: those nodes, and the writes' places."""
    nodes = list(series.values("database"))
    places = [place for place in range(len(series)) if series.outcomes[place] == OK and nodes[place]]
    places.sort(key=series.finished.__getitem__)
    for before, after in pairwise(places):
        if nodes[before] != nodes[after]:
            yield nodes[before], nodes[after], before, after
