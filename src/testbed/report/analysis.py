"""All that a journal says of a run, found once: what the page, the summary and JUnit are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from testbed.checks import (
    OutageReport,
    Phases,
    Stickiness,
    Verdict,
    check_outage,
    failovers,
    judge,
    overall_status,
    timelines,
)
from testbed.checks.durability import Durability, check_durability
from testbed.checks.injected_faults import InjectedFault, injected_faults
from testbed.checks.run_stages import first_mark, observation_period, stage_time
from testbed.checks.standstills import standstills
from testbed.checks.states import Timelines
from testbed.checks.stickiness import journal_stickiness
from testbed.journal import Alarm, Journal, Mark, RequestSample, Settled, StateChange
from testbed.probes.known_probes import journal_probes
from testbed.probes.sql import SqlWriteProbe
from testbed.report.axis import Axis
from testbed.report.summary import (
    CheckResult,
    OutageResult,
    PhaseResult,
    RequestResult,
    RunVerdict,
    Summary,
    WriteResult,
)  # fmt: skip

WRITES = SqlWriteProbe.name


@dataclass(frozen=True, slots=True)
class RunAnalysis:
    """A run, judged.

    Args:
        journal: what it was found in.
        axis: the page's time.
        verdicts: of all checks.
        outages: what each probe saw, in the order in which a request meets what they probe.
        phases: of each failover.
        stickiness, durability: what the checks found, for the page to draw.
        faults: in the order in which they were injected.
        lines: the states of all nodes.
        error: why the run itself broke; empty if it did not.
    """

    journal: Journal
    axis: Axis
    verdicts: tuple[Verdict, ...]
    outages: Mapping[str, OutageReport]
    phases: tuple[Phases, ...]
    stickiness: Stickiness
    durability: Durability
    faults: tuple[InjectedFault, ...]
    lines: Timelines
    error: str

    @property
    def verdict(self) -> RunVerdict:
        """Of the run: an error if it broke, whatever its checks found."""
        return "error" if self.error else overall_status(list(self.verdicts)).value

    @classmethod
    def of(cls, journal: Journal) -> RunAnalysis:
        """Judge a run."""
        begin, end = observation_period(journal)
        lines, known, stops = timelines(journal), injected_faults(journal), standstills(journal)
        return cls(
            journal=journal,
            axis=_axis(journal),
            verdicts=tuple(judge(journal)),
            outages={
                name: check_outage(journal.probes[name], begin=begin, end=end, stops=stops[name])
                for name in _ordered(journal)
            },
            phases=tuple(failovers(journal)),
            stickiness=journal_stickiness(journal, known, lines),
            durability=check_durability(journal.probes.get(WRITES, ()), journal.of(Settled)),
            faults=tuple(known),
            lines=lines,
            error=_error(journal),
        )

    def summary(self, run: str) -> Summary:
        """The run in figures.

        Args:
            run: name of its folder.
        """
        plan = self.journal.plan
        counted = Counter(request.outcome.value for request in self.journal.of(RequestSample))
        kept = self.durability
        return Summary(
            run=run,
            name=plan.name if plan else run,
            series=plan.series if plan else "",
            repeat=plan.repeat if plan else 1,
            repeats=plan.repeats if plan else 1,
            seed=plan.seed if plan else 0,
            verdict=self.verdict,
            error=self.error,
            damage=self.journal.damage,
            platform={**plan.platform, "profile": plan.profile} if plan else {},
            started=round(self.axis.begin + self.axis.wall_offset, 3),
            duration=round(self.axis.span, 3),
            checks=[
                CheckResult(name=each.check, status=each.status.value, documented=each.documented, summary=each.summary)
                for each in self.verdicts
            ],
            outages={probe: _outage(report) for probe, report in self.outages.items()},
            phases=[_phases(each) for each in self.phases],
            requests=RequestResult(**counted),
            sessions_lost=len(self.stickiness.lost),
            writes=WriteResult(
                acknowledged=kept.acknowledged,
                missing=len(kept.missing),
                duplicated=len(kept.duplicated),
                unknown=len(kept.kept) + len(kept.dropped),
            ),
        )


def cause(phases: Phases) -> str:
    """What brought a failover about, in words that are the same for each repeat."""
    if phases.fault is None:
        return "without a fault"
    return f"after healing {phases.fault.name}" if phases.healing else f"after {phases.fault.name}"


def _ordered(journal: Journal) -> list[str]:
    """The probes of a run: known ones in their order, then others by name."""
    order = list(journal_probes(journal))
    return sorted(journal.probes, key=lambda name: (order.index(name) if name in order else len(order), name))


def _error(journal: Journal) -> str:
    ended = first_mark(journal, "run-ends")
    return ended.attrs.get("error", "") if ended else ""


def _axis(journal: Journal) -> Axis:
    """From the first sample to the last one, and to the last thing that was done to the cluster or happened in it."""
    steady, hurt = stage_time(journal, "steady"), injected_faults(journal)
    requests = journal.of(RequestSample)
    moments = [at for fault in hurt for at in (fault.inject, fault.healed) if at is not None]
    moments += [
        at for series in journal.probes.values() if len(series) for at in (series.scheduled[0], max(series.finished))
    ]
    moments += [request.started for request in requests[:1]] + [request.finished for request in requests]
    moments += [
        at for name in ("steady", "timeline-done", "probes-end") if (at := stage_time(journal, name)) is not None
    ]
    moments = (
        moments or [each.at for each in journal.of(Mark)] or [opening.mono for opening in journal.openings] or [0.0]
    )
    begin, end = min(moments), max(moments)
    end = max([end, *(each.at for each in journal.of(StateChange)), *(each.at for each in journal.of(Alarm))])
    if steady is not None:
        return Axis(begin, end, steady, "the steady state", journal.wall_offset)
    if hurt and hurt[0].inject is not None:
        return Axis(begin, end, hurt[0].inject, "the first fault", journal.wall_offset)
    return Axis(begin, end, begin, "the first sample", journal.wall_offset)


def _outage(report: OutageReport) -> OutageResult:
    longest = report.longest
    return OutageResult(
        count=len(report.windows),
        each=[_finite(window.seconds) for window in report.windows],
        longest=_finite(longest.seconds if longest else 0.0),
        total=_finite(report.total),
        resolution=round(report.resolution, 4),
        good=report.good,
        failed=report.failed,
        unknown=report.unknown,
    )


def _phases(phases: Phases) -> PhaseResult:
    return PhaseResult(
        resource=phases.resource, source=phases.source, target=phases.target, cause=cause(phases),
        seconds={name: round(at, 4) for name, at in phases.rows() if at is not None}, disorder=list(phases.disorder),
    )  # fmt: skip


def _finite(seconds: float) -> float | None:
    return round(seconds, 4) if isfinite(seconds) else None
