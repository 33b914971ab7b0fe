"""Is each acknowledged write there, once, and none that was refused?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Mark, Outcome, ProbeSample, Series, Settled
from testbed.journal.series import OUTCOMES
from testbed.probes.sql import SqlWriteProbe

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Durability:
    """What became of the writes; all lists hold tokens.

    Args:
        acknowledged: number of writes that were acknowledged.
        missing: acknowledged, and not there.
        duplicated: found more than once, whatever their outcome.
        refused: the client got a refusal, and the row is there nevertheless.
        unexpected: there, and never tried.
        unsettled: tried, and not looked for.
        kept: of unknown outcome, and there.
        dropped: of unknown outcome, and not there.
    """

    acknowledged: int
    missing: tuple[str, ...]
    duplicated: tuple[str, ...]
    refused: tuple[str, ...]
    unexpected: tuple[str, ...]
    unsettled: tuple[str, ...]
    kept: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Something was acknowledged and all of it is there once, and nothing else is there."""
        wrong = (self.missing, self.duplicated, self.refused, self.unexpected, self.unsettled)
        return self.acknowledged > 0 and not any(wrong)

    def describe(self) -> str:
        """The verdict and its evidence, one paragraph."""
        text = f"{self.acknowledged} writes acknowledged, {len(self.missing)} of them missing"
        text += _examples(self.missing)
        for name, tokens in (
            ("found more than once", self.duplicated),
            ("refused but found", self.refused),
            ("found although never written", self.unexpected),
            ("not looked for", self.unsettled),
        ):
            if tokens:
                text += f"; {len(tokens)} {name}{_examples(tokens)}"
        unknown = len(self.kept) + len(self.dropped)
        return text + (
            f"; {unknown} of unknown outcome, of which {len(self.kept)} are in the table." if unknown else "."
        )


def check_durability(samples: Series | Iterable[ProbeSample], settled: Iterable[Settled]) -> Durability:
    """Compare the replies that writers got with the rows of the table.

    Args:
        samples: of the SQL write probe, each with its token.
        settled: the table, read back afterwards; the last entry of a token counts.
    """
    due = Series.of(samples)
    outcomes = {token: OUTCOMES[due.outcomes[place]] for place in range(len(due)) if (token := due.token(place))}
    copies = {found.token: found.copies for found in settled}
    acknowledged = [token for token, outcome in outcomes.items() if outcome == Outcome.OK]
    unknown = [token for token, outcome in outcomes.items() if outcome == Outcome.UNKNOWN and token in copies]
    failed = [token for token, outcome in outcomes.items() if outcome == Outcome.FAILED]
    return Durability(
        acknowledged=len(acknowledged),
        missing=tuple(token for token in acknowledged if copies.get(token) == 0),
        duplicated=tuple(token for token, count in copies.items() if count > 1),
        refused=tuple(token for token in failed if copies.get(token)),
        unexpected=tuple(token for token, count in copies.items() if count and token not in outcomes),
        unsettled=tuple(token for token in outcomes if token not in copies),
        kept=tuple(token for token in unknown if copies[token]),
        dropped=tuple(token for token in unknown if not copies[token]),
    )


class DurabilityCheck(Check):
    """The table holds every acknowledged write once, and no refused write.

    An incident always writes. A test's own run without writes has no verdict.
    """

    name = "durability"
    passes_if = "the table holds every acknowledged write once, and no refused or unknown row"
    unknown_if = "the table was not read back, its writers were still connected, or no write was acknowledged"
    judges = "every run with steps or writes"

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        if SqlWriteProbe.name not in run.journal.probes and run.plans_no("steps"):
            return None
        builder = VerdictBuilder()
        if run.stage_time("settled") is None:
            _judge_unread(run, builder)
            return builder.verdict(self.name)
        series = Series.of(run.journal.probes.get(SqlWriteProbe.name, ()))
        found = check_durability(series, run.journal.of(Settled))
        answered = {series.token(place): series.finished[place] for place in range(len(series))}
        ended = SqlWriteProbe.name in run.ended_programs
        for problem, tokens in (
            ("was acknowledged, and is not there", found.missing),
            ("is found more than once", found.duplicated),
            ("was refused, and is in the table", found.refused),
            ("is in the table, although no probe wrote it", found.unexpected),
        ):
            for token in tokens:
                # Writes that were under way when the probe ended are not in the journal.
                add = builder.doubt if ended and tokens is found.unexpected else builder.fail
                add(f"{token} {problem}", answered.get(token))
        for token in found.unsettled:
            builder.doubt(f"{token} was not looked for", answered.get(token))
        if not found.acknowledged:
            builder.doubt("no write was acknowledged, so nothing is proved")
        for text, tokens in (("is in the table", found.kept), ("is not in the table", found.dropped)):
            for token in tokens:
                builder.note(f"{token}, whose outcome was unknown, {text}", answered.get(token))
        return builder.verdict(self.name, found.describe())


def _judge_unread(run: RecordedRun, builder: VerdictBuilder) -> None:
    """A table that cannot be read although every fault is healed has lost every acknowledged write."""
    unreadable = [each for each in run.journal.of(Mark) if each.name == "unreadable"]
    if not unreadable:
        builder.doubt("the table was not read back: what became of the writes is not known")
        return
    last = unreadable[-1]
    reason, seconds = last.attrs.get("reason", "no reason given"), last.attrs.get("seconds", "?")
    series = Series.of(run.journal.probes.get(SqlWriteProbe.name, ()))
    acknowledged = series.count(Outcome.OK)
    text = f"the table of writes cannot be read back, tried for {seconds} s: {reason}"
    if run.stage_time("kept") is not None:
        builder.doubt(f"{text}; the faults were kept in force", last.at)
    elif last.attrs.get("at-rest") == "no":
        builder.doubt(text, last.at)
    elif not acknowledged:
        builder.doubt(f"{text}; no write was acknowledged", last.at)
    else:
        builder.fail(f"{text}; {acknowledged} writes were acknowledged", last.at)


def _examples(tokens: tuple[str, ...]) -> str:
    if not tokens:
        return ""
    more = ", ..." if len(tokens) > EXAMPLES else ""
    return f" ({', '.join(tokens[:EXAMPLES])}{more})"
