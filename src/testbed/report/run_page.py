"""The page of a run: one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import inf
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from testbed.checks import CHECKS, Evidence, Phases, Status, Verdict, documentation, first_format
from testbed.journal import RequestSample
from testbed.journal.series import OUTCOMES
from testbed.probes.known_probes import journal_probes
from testbed.report.analysis import RunAnalysis
from testbed.report.axis import format_signed
from testbed.report.distribution import Distribution
from testbed.report.explanation import explain_longest
from testbed.report.matrix import matrix
from testbed.report.plots import GUIDES, HEIGHT, STRIP, STRIP_TOP, format_latency, height_of
from testbed.report.summary import OUTAGE, Summary
from testbed.report.throttling import ThrottledRequests
from testbed.report.timeline import timeline
from testbed.report.versions import flatten, version_sections

HEADLINES = {
    "pass": ("\N{CHECK MARK}", "Passed"),
    "fail": ("\N{MULTIPLICATION X}", "Failed"),
    "unknown": ("?", "Unknown"),
    "error": ("!", "The run itself broke"),
}
REASONS = 40  # rows of answers that were not good
DOTS = 100  # runs of a series that each page draws: the pages of all runs together must not grow with its square


@dataclass(frozen=True, slots=True)
class Spread:
    """One measure over the runs of a series.

    Args:
        group: what it is of.
        name: of the measure.
        this: this run's value, None if it has none.
        of: the distribution.
        dots: of this run and the last ones: the value in percent of the widest, whether it is this run, and words.
    """

    group: str
    name: str
    this: float | None
    of: Distribution
    dots: tuple[tuple[float, bool, str], ...]


def render(analysis: RunAnalysis, summary: Summary, series: Sequence[Summary], versions: Mapping[str, Any]) -> str:
    """The whole page.

    Args:
        analysis: of the run.
        summary: the same in figures.
        series: this run and its siblings, in the order they were run.
        versions: what ran: of each part, its facts.
    """
    plan = analysis.journal.plan
    incident = first_format.to_second_format(plan.scenario) if plan else {}
    requests = analysis.journal.of(RequestSample)
    laid_out = timeline(analysis)
    return _environment().get_template("page.html.j2").render(
        summary=summary,
        axis=analysis.axis,
        icon=HEADLINES[summary.verdict][0],
        headline=headline(summary),
        explanation=explain_longest(
            analysis.outages, analysis.phases, analysis.faults, journal_probes(analysis.journal)
        ),
        facts=_facts(summary),
        started=_started(summary),
        time=laid_out,
        checks=sorted(analysis.verdicts, key=_severity),
        outages=analysis.outages,
        held={probe: ThrottledRequests.of_series(analysis.journal.probes[probe]) for probe in analysis.outages},
        reasons=_reasons(analysis, requests),
        phases=[(each, _steps(each)) for each in analysis.phases],
        matrix=matrix(analysis.stickiness, requests, analysis.axis, laid_out.numbers),
        stickiness=analysis.stickiness,
        durability=analysis.durability,
        spreads=_grouped(spreads(summary, series)),
        series=series,
        dots=DOTS,
        what=incident.get("title", ""),
        why=incident.get("why", ""),
        planned=incident.get("steps", []),
        expect=[*flatten(incident.get("expect", {})), *flatten(incident.get("profiles", {}))],
        versions=version_sections(versions),
        guides=[(height_of(at), text) for at, text in GUIDES],
        heights=(HEIGHT, STRIP_TOP, STRIP),
    )  # fmt: skip


def headline(summary: Summary) -> str:
    """The verdict in one line."""
    title = HEADLINES[summary.verdict][1]
    failed = [each.name for each in summary.checks if each.status == "fail" and not each.documented]
    doubtful = [each.name for each in summary.checks if each.status == "unknown"]
    documented = [each.name for each in summary.checks if each.status == "fail" and each.documented]
    match summary.verdict:
        case "error":
            return f"{title}: {summary.error}"
        case "fail":
            return f"{title}: {', '.join(dict.fromkeys(failed))}"
        case "unknown":
            return f"{title}: {', '.join(dict.fromkeys(doubtful)) or 'nothing was checked'}"
    text = f"{title}: {len(summary.checks)} checks hold"
    return f"{text}; known failures: {', '.join(documented)}" if documented else text


def spreads(summary: Summary, series: Sequence[Summary]) -> list[Spread]:
    """The distribution of each measure over the series; of phases that were seen in no run there is none."""
    measured = [(run, run.measures()) for run in series]
    names = list(dict.fromkeys(name for _, measures in measured for name in measures))
    widest = max((value for _, measures in measured for value in measures.values() if value != inf), default=1.0) or 1.0
    found = []
    for name in names:
        values = [(run, measures[name]) for run, measures in measured if name in measures]
        dots = tuple(
            (
                round(100 * min(max(value / widest, 0), 1), 2),
                run.run == summary.run,
                f"{run.run}: {format_latency(value)}",
            )
            for place, (run, value) in enumerate(values)
            if place >= len(values) - DOTS or run.run == summary.run
        )
        this = next((value for run, value in values if run.run == summary.run), None)
        label, _, group = name.partition(", ") if ", " in name else (name.removeprefix(OUTAGE), "", OUTAGE.strip())
        found.append(Spread(group, label, this, Distribution.of([value for _, value in values]), dots))
    return found


def _grouped(found: Sequence[Spread]) -> dict[str, list[Spread]]:
    groups: dict[str, list[Spread]] = {}
    for each in found:
        groups.setdefault(each.group, []).append(each)
    return groups


def _facts(summary: Summary) -> list[tuple[str, str, str]]:
    """The figures at the top: label, value, what it is made of."""
    facts = []
    if summary.outages:
        probe, worst = max(summary.outages.items(), key=lambda it: inf if it[1].longest is None else it[1].longest)
        longest = inf if worst.longest is None else worst.longest
        facts.append(
            ("longest outage", format_latency(longest) if longest else "none", probe if longest else "of any probe")
        )
    asked = summary.requests
    total = asked.ok + asked.failed + asked.unknown
    if total:
        facts.append(("requests failed", f"{asked.failed}", f"of {total}; {asked.unknown} unknown"))
        facts.append(("sessions lost", f"{summary.sessions_lost}", "had to log in again"))
    if summary.writes.acknowledged:
        facts.append(("writes missing", f"{summary.writes.missing}", f"of {summary.writes.acknowledged} acknowledged"))
    facts.append(("duration", f"{summary.duration:.0f} s", ""))
    return facts


def _started(summary: Summary) -> str:
    return datetime.fromtimestamp(summary.started).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _severity(verdict: Verdict) -> int:
    if verdict.status is Status.FAIL:
        return 2 if verdict.documented else 0
    return 1 if verdict.status is Status.UNKNOWN else 3


def _steps(phases: Phases) -> list[tuple[str, float | None, float, float]]:
    """Each phase with its time, and in percent where its bar begins and how long it is."""
    known = list(phases.seconds.values())
    low, high = min([0.0, *known]), max([0.1, *known])
    steps: list[tuple[str, float | None, float, float]] = []
    before = 0.0
    for name, at in phases.rows():
        if at is None:
            steps.append((name, None, 0.0, 0.0))
            continue
        begin, end = sorted((before, at))
        steps.append((name, at, 100 * (begin - low) / (high - low), 100 * (end - begin) / (high - low)))
        before = max(at, 0.0)
    return steps


def _reasons(analysis: RunAnalysis, requests: Sequence[RequestSample]) -> list[tuple[str, str, str, int, float, float]]:
    """What was said when an answer was not good: who asked, outcome, reason, how often, first and last time."""
    found: dict[tuple[str, str, str], list[float]] = {}

    def add(who: str, outcome: str, why: str, at: float) -> None:
        entry = found.setdefault((who, outcome, why), [0, at, at])
        entry[0], entry[1], entry[2] = entry[0] + 1, min(entry[1], at), max(entry[2], at)

    for probe in analysis.outages:
        series = analysis.journal.probes[probe]
        for place, outcome in enumerate(series.outcomes):
            if outcome:
                add(probe, OUTCOMES[outcome].value, series.detail(place), series.scheduled[place])
    for request in requests:
        if request.outcome != "ok":
            add("load", request.outcome.value, f"{request.action}: {request.cause}", request.started)
    rows = [(*key, int(count), first, last) for key, (count, first, last) in found.items()]
    return sorted(rows, key=lambda row: (-row[3], row[0]))[:REASONS]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("testbed.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"shown": format_latency, "signed": format_signed, "step": _step, "evidence": _evidence}
    environment.filters |= {"title_of": _title_of, "documentation": lambda verdict: documentation(verdict.check)}
    return environment


def _evidence(verdict: Verdict) -> list[Evidence]:
    """Return the facts that are not in the summary already."""
    return [fact for fact in verdict.evidence if fact.text.rstrip(".") != verdict.summary.rstrip(".")]


def _title_of(verdict: Verdict) -> str:
    """What the check judges, in one sentence; empty for a problem of the run itself."""
    check = CHECKS.get(verdict.check)
    return check.title if check else ""


def _step(step: Mapping[str, Any]) -> str:
    """A step in one line."""
    return ", ".join(" ".join(pair) for pair in flatten(step))
