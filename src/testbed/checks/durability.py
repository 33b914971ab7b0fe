"""Is each acknowledged write there, once, and none that was refused?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.journal import Journal, Mark, Outcome, ProbeSample, Series, Settled
from testbed.journal.series import OUTCOMES
from testbed.probes.attempted_work import applications_with_work, attempted_work
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
    return compare_with_rows(outcomes, settled)


def compare_with_rows(outcomes: Mapping[str, Outcome], settled: Iterable[Settled], application: str = "") -> Durability:
    """Compare the outcomes that writers saw with what was read back.

    Args:
        outcomes: of each token.
        settled: what was read back; the last entry of a token counts.
        application: whose work it is; empty: the SQL write probe's.
    """
    copies = {found.token: found.copies for found in settled if found.application == application}
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
    """The table holds every acknowledged write once, and no refused write; applications show theirs.

    An incident always writes. A test's own run without writes has no verdict.
    """

    name = "durability"
    passes_if = (
        "the table holds every acknowledged write once, and no refused or unknown row; each application that declares "
        "`read_back` shows every acknowledged piece of work once"
    )
    unknown_if = "the table was not read back, its writers were still connected, or no write was acknowledged"
    judges = "every run with steps or writes"

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        own = {name: attempted_work(run.journal, name) for name in _applications(run.journal)}
        if SqlWriteProbe.name not in run.journal.probes and run.plans_no("steps") and not any(own.values()):
            return None
        builder = VerdictBuilder()
        texts = [_judge_application(run, builder, name, tried) for name, tried in own.items() if tried]
        if SqlWriteProbe.name not in run.journal.probes and run.plans_no("steps"):
            return builder.verdict(self.name, " ".join(texts))
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
        return builder.verdict(self.name, " ".join([found.describe(), *texts]))


def _applications(journal: Journal) -> list[str]:
    """The applications that show their work, and those that users gave work with tokens."""
    return sorted({*(journal.plan.read_back if journal.plan else ()), *applications_with_work(journal)})


def _judge_application(run: RecordedRun, builder: VerdictBuilder, name: str, tried: Mapping[str, Outcome]) -> str:
    """Judge the work of one application, and return a sentence about it."""
    shows = bool(run.journal.plan and name in run.journal.plan.read_back)
    marks = [each for each in run.journal.of(Mark) if each.attrs.get("application") == name]
    if not any(each.name == "application-settled" for each in marks):
        unread = [each for each in marks if each.name == "application-unreadable"]
        acknowledged = sum(outcome is Outcome.OK for outcome in tried.values())
        if not shows:
            builder.note(f"{name} acknowledged {acknowledged} pieces of work, and does not say where to read them back")
        elif unread and acknowledged and run.stage_time("kept") is None:
            text = f"the work of {name} cannot be read back: {unread[-1].attrs.get('reason')}"
            builder.fail(f"{text}; {acknowledged} pieces were acknowledged", unread[-1].at)
        else:
            builder.doubt(f"the work of {name} was not read back: what became of it is not known")
        return ""
    found = compare_with_rows(tried, run.journal.of(Settled), name)
    for problem, tokens in (
        ("was acknowledged, and is not there", found.missing),
        ("is found more than once", found.duplicated),
        ("was refused, and is there", found.refused),
    ):
        for token in tokens:
            builder.fail(f"{name}: {token} {problem}")
    for token in found.unsettled:
        builder.doubt(f"{name}: {token} was not looked for")
    if not found.acknowledged:
        builder.doubt(f"{name} acknowledged no work, so nothing is proved")
    return f"{name}: {found.describe()}"


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
