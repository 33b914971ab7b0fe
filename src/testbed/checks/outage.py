"""When was a service away, as a probe saw it, and was that longer than it may be?

A probe that fails alone, among good ones, was no outage that can be resolved: its length is anything from nothing to
two intervals. A limit of nought allows it, and nothing more.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from statistics import median

from testbed.checks.check import Check
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.standstills import Standstill, describe_prober, samples_outside, standstills
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.checks.windows import Window, find_hidden, find_outages, with_standstills
from testbed.journal import Journal, ProbeSample, Series
from testbed.journal.series import FAILED, OK, UNKNOWN
from testbed.units import format_duration


@dataclass(frozen=True, slots=True)
class OutageReport:
    """What a probe saw.

    Args:
        windows: the outages, in order of time.
        good, failed, unknown: number of probes.
        resolution: seconds between two probes: no time here is known better.
        limit: seconds that no outage may be longer than, None for no limit; 0 for none that can be resolved.
        hidden: times in which the prober stood still, and an outage may have been that no probe could see.
        slow: seconds without a reply that are an outage although no probe failed.
    """

    windows: tuple[Window, ...]
    good: int
    failed: int
    unknown: int
    resolution: float
    limit: float | None
    hidden: tuple[Window, ...] = ()
    slow: float = 1.0

    @property
    def longest(self) -> Window | None:
        """The longest outage, None if there was none."""
        return max(self.windows, key=lambda window: window.seconds, default=None)

    @property
    def total(self) -> float:
        """Seconds of all outages together."""
        return sum(window.seconds for window in self.windows)

    @property
    def is_away(self) -> bool:
        """Whether no good reply came after the last outage."""
        return bool(self.windows) and self.windows[-1].first_good is None

    @property
    def excessive(self) -> tuple[Window, ...]:
        """The outages that were longer than the limit."""
        if self.limit is None:
            return ()
        if not self.limit:
            return tuple(window for window in self.windows if window.proven > 0 or window.seconds == inf)
        return tuple(window for window in self.windows if window.seconds > self.limit)

    @property
    def possible(self) -> tuple[Window, ...]:
        """The times in which an outage longer than the limit may have been hidden by a standstill of the prober."""
        return () if self.limit is None else tuple(each for each in self.hidden if each.seconds > self.limit)

    @property
    def unmeasured(self) -> str:
        """When the prober stood still, if an outage may have been hidden by that, in few words."""
        seconds = sum(each.unmeasured for each in (*self.windows, *self.hidden))
        why = describe_prober(stop for each in (*self.windows, *self.hidden) for stop in each.stops)
        length = "to the end of the run" if seconds == inf else f"for {seconds:.2f} s"
        return f"the prober itself {why} {length}" if seconds else ""

    @property
    def ok(self) -> bool:
        """The service was seen up, was up at the end, and was never away for too long."""
        return bool(self.good) and not self.is_away and not self.excessive and not self.possible

    def short_summary(self) -> str:
        """The longest outage beside what was allowed, in few words."""
        allowed = "" if self.limit is None else f" of at most {self.limit:g} s"
        worst = self.longest
        stood = f"; {self.unmeasured}" if self.unmeasured else ""
        if worst is None:
            return f"none{allowed}{stood}" if self.good else f"nothing was probed{stood}"
        length = "no end or no beginning" if worst.seconds == inf else f"longest {worst.seconds:.2f} s"
        number = f"{len(self.windows)} outage{'s' if len(self.windows) > 1 else ''}"
        failed = sum(window.failed for window in self.windows)
        unknown = sum(window.unknown for window in self.windows)
        how = f"{failed} failed, {unknown} unknown" if failed or unknown else worst.detail
        return f"{length}{allowed or ', no limit'} ({number}, {how}){stood}"

    def describe(self) -> str:
        """The verdict and its evidence, one paragraph."""
        count = self.good + self.failed + self.unknown
        text = f"{count} probes: {self.good} good, {self.failed} failed, {self.unknown} unknown; "
        text += f"{self.unmeasured}; " if self.unmeasured else ""
        worst = self.longest
        if worst is None:
            return text + ("no outage." if self.good else "nothing was probed.")
        text += f"{len(self.windows)} outage(s), {self.total:.2f} s together, the longest {worst.seconds:.2f} s "
        text += f"(resolution {self.resolution:.3f} s, {worst.failed} failed, {worst.unknown} unknown"
        text += f", at first: {worst.detail})" if worst.detail else ")"
        if self.is_away:
            return text + "; no good reply came after the last."
        if self.limit is not None:
            text += f"; at most {self.limit:g} s were allowed"
        return text + "."


def check_outage(
    samples: Series | Iterable[ProbeSample],
    *,
    limit: float | None = None,
    slow: float = 1.0,
    begin: float = -inf,
    end: float = inf,
    stops: Sequence[Standstill] = (),
) -> OutageReport:
    """Find the outages in the samples of one probe.

    Args:
        samples: of one probe, in any order.
        limit: seconds that no outage may be longer than; 0: none that can be resolved.
        slow: seconds that a probe must have waited for the next good reply, its own or another's, to make an
            outage although none failed; at least two intervals, or a visit that took its time would be one.
        begin: what was due before does not count, but for the last good one.
        end: outages that began later do not count; one that had begun is followed to its own end.
        stops: when the prober stood still; the samples that were under way then say nothing about the service.
    """
    all_due = Series.of(samples)
    due = samples_outside(all_due, stops)
    first = _from(due, begin)
    times, outcomes = due.scheduled[first:], due.outcomes[first:]
    steps = [after - before for before, after in pairwise(times)]
    resolution = median(steps) if steps else 0.0
    slow = max(slow, 2 * resolution)
    windows = tuple(with_standstills(each, stops, due) for each in find_outages(due, first, slow, 2 * resolution))
    unseen = [stop for stop in stops if not any(stop in window.stops for window in windows)]
    counted = outcomes[: bisect_right(times, end)]
    return OutageReport(
        windows=tuple(window for window in windows if window.first_bad <= end),
        good=counted.count(OK),
        failed=counted.count(FAILED),
        unknown=counted.count(UNKNOWN),
        resolution=resolution,
        limit=limit,
        hidden=tuple(
            window
            for window in find_hidden(due, all_due, unseen, slow)
            if window.first_bad <= end and window.last_bad >= begin
        ),
        slow=slow,
    )


def outage_of(
    journal: Journal, probe: str, *, limit: float | None = None, begin: float = -inf, end: float = inf
) -> OutageReport:
    """Find the outages that a probe of a journal saw, without those of its prober.

    Args:
        journal: which has the probe.
        probe: its name.
        limit: seconds that no outage may be longer than.
        begin: what was due before does not count.
        end: outages that began later do not count.
    """
    stops = standstills(journal).get(probe, ())
    return check_outage(journal.probes[probe], limit=limit, begin=begin, end=end, stops=stops)


def _from(due: Series, begin: float) -> int:
    """The place of the last good sample that was due before ``begin``, or of the first one after it."""
    first = bisect_left(due.scheduled, begin)
    last_good = due.outcomes.rfind(OK, 0, first)
    return first if last_good < 0 else last_good


class OutageCheck(Check):
    """No outage of a probe is longer than its limit, and each probe that must notice the fault sees an outage.

    Only outages that began between the steady state and the end of the steps count, each to its own end.

    Outages of probes without a limit are reported only.
    """

    name = "outage"
    passes_if = "no outage of a probe was longer than its limit, and each probe in `must_notice` saw an outage"
    unknown_if = (
        "the probe did not run or ended too early, the journal ends within the outage, or the prober itself stood still"
        " or had no network"
    )
    asked_by = ("max_outage", "must_notice")

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict."""
        expect = run.expect
        limits: Mapping[str, float] = dict(expect.max_outage.items())
        expected = {*limits, *expect.must_notice}
        builder = VerdictBuilder()
        reports: dict[str, OutageReport] = {}
        for probe in sorted({*expected, *run.journal.probes}):
            series = run.journal.probes.get(probe)
            if series is None:
                builder.doubt(f"{probe} was not probed")
                continue
            report = check_outage(
                series, limit=limits.get(probe), begin=run.begin, end=run.end, stops=run.standstills.get(probe, ())
            )
            if probe in expected or report.windows or report.hidden:
                reports[probe] = report
        for probe in sorted(reports, key=lambda name: _badness(reports[name]), reverse=True):
            _judge_probe(run, builder, probe, reports[probe])
        return builder.verdict(self.name, _summary(builder, reports))


def _badness(report: OutageReport) -> tuple[bool, float]:
    """To have the worst first: those above their limit, then by length."""
    longest = report.longest
    return bool(report.excessive), longest.seconds if longest else -1.0


def _summary(builder: VerdictBuilder, reports: Mapping[str, OutageReport]) -> str:
    """The outages of each probe in few words, the worst first; probes without an outage come last, together."""
    texts = [fact.text for fact in (*builder.wrong, *builder.doubtful) if fact.at is None]
    worst_first = sorted(reports, key=lambda name: _badness(reports[name]), reverse=True)
    texts += [f"{probe}: {reports[probe].short_summary()}" for probe in worst_first if reports[probe].windows]
    quiet: dict[str, list[str]] = {}
    for probe in worst_first:
        if not reports[probe].windows:
            quiet.setdefault(reports[probe].short_summary(), []).append(probe)
    return "; ".join([*texts, *(f"{', '.join(probes)}: {text}" for text, probes in quiet.items())])


def _judge_probe(run: RecordedRun, builder: VerdictBuilder, probe: str, report: OutageReport) -> None:
    if not report.good and probe in {*run.expect.max_outage, *run.expect.must_notice}:
        builder.doubt(f"{probe} had no good answer at all")
    if probe in run.expect.must_notice and not report.windows:
        certain = run.complete and not report.hidden
        (builder.fail if certain else builder.doubt)(f"{probe} saw no outage, so the fault had no effect")
    excessive = set(report.excessive)
    for window in report.windows:
        text = _format_outage(probe, window, report.limit)
        if window not in excessive:
            builder.note(text, window.first_bad)
        elif is_certain(run, report, window):
            builder.fail(text, window.first_bad)
        else:
            builder.doubt(text, window.first_bad)
    for window in report.hidden:
        text = _format_hidden(probe, window, report.limit)
        if window not in report.possible:
            builder.note(text, window.first_bad)
        elif is_certain(run, report, window):
            builder.fail(text, window.first_bad)
        else:
            builder.doubt(text, window.first_bad)


def is_certain(run: RecordedRun, report: OutageReport, window: Window) -> bool:
    """Whether an outage surely was longer than the limit.

    One whose begin or end the journal may just not hold proves no more than the probes that saw it. One in which the
    prober stood still proves no more than the time before and after that.
    """
    limit = report.limit or 0.0
    if window.stops and not window.longer(limit, report.slow, report.resolution):
        return False
    begun = window.last_good is not None or run.begin > -inf
    ended = window.first_good is not None or run.complete
    return (begun and ended) or window.proven > limit


def _format_outage(probe: str, window: Window, limit: float | None) -> str:
    text = f"{probe}: an outage of {window.seconds:.3f} s"
    if window.failed or window.unknown:
        text += f", {window.failed} failed, {window.unknown} unknown"
    if limit is not None:
        text += f", allowed {format_duration(limit)}"
    if window.stops:
        text += f"; {window.describe_prober()}"
    return f"{text} ({window.detail})" if window.detail else text


def _format_hidden(probe: str, window: Window, limit: float | None) -> str:
    text = f"{probe}: no answer for {window.seconds:.3f} s"
    if limit is not None:
        text += f", allowed {format_duration(limit)}"
    return f"{text}; {window.describe_prober()}"
