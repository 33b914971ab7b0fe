"""The part of the page with the shared time axis: faults, steps, latencies, states."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from testbed.checks import OutageReport, Window
from testbed.checks.standstills import describe_prober
from testbed.designs.design_registry import design_of_run
from testbed.journal import Mark, RequestSample, Series
from testbed.journal.series import CODES
from testbed.report.analysis import RunAnalysis
from testbed.report.axis import DASH, Axis
from testbed.report.lanes import LaneGroup, groups
from testbed.report.plots import Plot, TimeBox, box, format_latency, plot

# Seconds around a fault's step or an outage that are drawn from more points.
AROUND = 3.0
# Badges of steps that are nearer than this, in percent of the width, are one badge.
BADGE = 5.0
# Percent of the width that a fault's name needs: in a shorter box it stands beside, and on a narrow page it needs more.
NARROW, ROOM = 14.0, 30.0
# Percent of the width around an outage's length in which no other is written.
LABEL = 12.0
LOAD = "load"
# What a node decided, by the mark in the journal.
DECISIONS = {
    "resigned": "resigns",
    "promote-failed": "cannot become primary",
    "demote-failed": "cannot give up the primary role, and switches itself off",
}
STAGES = {
    "steady": "the steady state begins",
    "timeline-done": "the steps are done",
    "load-ends": "the load ends",
    "probes-end": "the probes end",
}


@dataclass(frozen=True, slots=True)
class Badge:
    """Where one or more steps begin.

    Args:
        left: percent.
        text: their numbers.
        title: what they do.
    """

    left: float
    text: str
    title: str


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A step or a stage, for the list.

    Args:
        at: monotonic seconds.
        number: of the step; empty for a stage.
        text: what happens.
        took: seconds until it was done, None if the journal does not have its end.
    """

    at: float
    number: str
    text: str
    took: float | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything on the shared axis.

    Args:
        faults: when each was in force, in as many rows as are needed for none to cover another.
        badges: of the steps.
        moments: steps and stages in order.
        plots: of the probes and the load.
        groups: of states.
        numbers: each node's number among its kind, for its colour.
    """

    faults: tuple[tuple[TimeBox, ...], ...]
    badges: tuple[Badge, ...]
    moments: tuple[TimelineEntry, ...]
    plots: tuple[Plot, ...]
    groups: tuple[LaneGroup, ...]
    numbers: dict[str, int]


def timeline(analysis: RunAnalysis) -> Timeline:
    """Lay a run out in time."""
    axis = analysis.axis
    numbers = node_numbers(analysis)
    moments = _moments(analysis)
    return Timeline(
        faults=_rows(_faults(analysis)),
        badges=_badges(axis, [each for each in moments if each.number]),
        moments=tuple(moments),
        plots=tuple(_plots(analysis)),
        groups=tuple(groups(analysis.lines, axis, numbers, design_of_run(analysis.journal.plan).recorded)),
        numbers=numbers,
    )


def node_numbers(analysis: RunAnalysis) -> dict[str, int]:
    """Each node's number among those of its kind: lb1 and lb2 are 1 and 2, app-1 and app-2 too."""
    names = {node for node, _ in analysis.lines}
    names |= {stay.node for stays in analysis.stickiness.matrix.values() for stay in stays}
    seen: Counter[str] = Counter()
    numbers = {}
    for name in sorted(
        names, key=lambda name: [int(part) if part.isdigit() else 0 for part in re.split(r"(\d+)", name)]
    ):
        kind = re.sub(r"-?\d+$", "", name)
        seen[kind] += 1
        numbers[name] = seen[kind]
    return numbers


def _faults(analysis: RunAnalysis) -> list[TimeBox]:
    axis = analysis.axis
    boxes = []
    for fault in analysis.faults:
        begin = fault.begins if fault.begins > -inf else axis.begin
        options = "".join(f" {key}={value}" for key, value in fault.options)
        title = f"{fault.name} on {fault.node}{options}: requested at {axis.after(fault.inject)}"
        title += f", in force at {axis.after(fault.injected)}, heal requested at {axis.after(fault.heal)}"
        title += f", healed at {axis.after(fault.healed)}" if fault.healed is not None else ", never healed"
        each = box(axis, begin, fault.ends, f"{fault.name} {fault.node}{options}", title)
        tone = "narrow" if each.width < NARROW else ""
        boxes.append(replace(each, tone=f"{tone} right" if tone and each.left > 100 - ROOM else tone))
    return boxes


def _rows(boxes: Sequence[TimeBox]) -> tuple[tuple[TimeBox, ...], ...]:
    rows: list[list[TimeBox]] = []
    for each in sorted(boxes, key=lambda each: each.left):
        room = next((row for row in rows if row[-1].left + max(row[-1].width, ROOM) <= each.left), None)
        if room is None:
            rows.append([each])
        else:
            room.append(each)
    return tuple(tuple(row) for row in rows)


def _moments(analysis: RunAnalysis) -> list[TimelineEntry]:
    marks = analysis.journal.of(Mark)
    decisions = {**DECISIONS, **design_of_run(analysis.journal.plan).recorded.decisions}
    done = {mark.attrs.get("number"): mark.at for mark in marks if mark.name == "step-done"}
    found = []
    for mark in marks:
        if mark.name == "step":
            number = mark.attrs.get("number", "?")
            ended = done.get(number)
            found.append(
                TimelineEntry(mark.at, number, mark.attrs.get("text", ""), None if ended is None else ended - mark.at)
            )
        elif mark.name in STAGES:
            found.append(TimelineEntry(mark.at, "", STAGES[mark.name]))
        elif mark.name == "clock-stepped":
            found.append(
                TimelineEntry(mark.at, "", f"the host's wall clock steps by {mark.attrs.get('seconds', '?')} s")
            )
        elif mark.name == "member-tried":
            text = f"testbed made {mark.node} try {mark.attrs.get('member', '?')} again"
            found.append(TimelineEntry(mark.at, "", text))
        elif mark.name in decisions and mark.node:
            attrs = " ".join(f"{name}={value}" for name, value in mark.attrs.items())
            found.append(
                TimelineEntry(mark.at, "", f"{mark.node} {decisions[mark.name]}{f' ({attrs})' if attrs else ''}")
            )
    return sorted(found, key=lambda each: each.at)


def _badges(axis: Axis, steps: Sequence[TimelineEntry]) -> tuple[Badge, ...]:
    badges: list[Badge] = []
    for step in steps:
        left, title = axis.percent(step.at), f"{step.number}: {step.text} ({axis.after(step.at)})"
        if badges and left - badges[-1].left < BADGE:
            last = badges[-1]
            badges[-1] = Badge(last.left, f"{last.text.split(DASH)[0]}{DASH}{step.number}", f"{last.title}; {title}")
        else:
            badges.append(Badge(left, step.number, title))
    return tuple(badges)


def _plots(analysis: RunAnalysis) -> list[Plot]:
    axis = analysis.axis
    steps = [at for fault in analysis.faults for at in (fault.inject, fault.heal, fault.healed) if at is not None]
    interest = [(at - AROUND, at + AROUND) for at in steps]
    interest += [
        (window.last_good - AROUND, window.first_good + AROUND)
        for report in analysis.outages.values()
        for window in report.windows
        if window.last_good is not None and window.first_good is not None
    ]
    plots = []
    for probe, report in analysis.outages.items():
        series: Series = analysis.journal.probes[probe]
        waits = [end - due for end, due in zip(series.finished, series.scheduled, strict=True)]
        windows = [*_outages(axis, probe, report), *_standstills(axis, probe, report)]
        plots.append(plot(probe, axis, series.scheduled, waits, series.outcomes, windows=windows, interest=interest))
    requests = sorted(analysis.journal.of(RequestSample), key=lambda request: request.started)
    if requests:
        plots.append(plot(
            LOAD, axis, [each.started for each in requests], [each.latency for each in requests],
            [CODES[each.outcome] for each in requests], scattered=True,
        ))  # fmt: skip
    return plots


def _outages(axis: Axis, probe: str, report: OutageReport) -> list[TimeBox]:
    """All outages of a probe; the longest of a neighbourhood says how long it was."""
    boxes = {window: _outage(axis, probe, window) for window in report.windows}
    labelled: list[float] = []
    for window in sorted(boxes, key=lambda window: -window.seconds):
        left = boxes[window].left
        if any(abs(left - other) < LABEL for other in labelled):
            boxes[window] = replace(boxes[window], label="")
        else:
            labelled.append(left)
    return list(boxes.values())


def _standstills(axis: Axis, probe: str, report: OutageReport) -> list[TimeBox]:
    """When the prober itself stood still."""
    stops = {stop for window in (*report.windows, *report.hidden) for stop in window.stops}
    boxes = []
    for stop in sorted(stops):
        end = min(stop.end, axis.end)
        why = describe_prober([stop])
        title = f"the prober of {probe} itself {why} from {axis.after(stop.begin)} to {axis.after(end)}"
        boxes.append(box(axis, stop.begin, end, "", title, "still"))
    return boxes


def _outage(axis: Axis, probe: str, window: Window) -> TimeBox:
    begin = axis.begin if window.last_good is None else window.last_good
    end = axis.end if window.first_good is None else window.first_good
    title = f"{probe}: no good answer from {axis.after(window.last_good)} to {axis.after(window.first_good)}"
    title += f"; {window.failed} failed, {window.unknown} unknown"
    return box(
        axis, begin, end, format_latency(window.seconds), f"{title}: {window.detail}" if window.detail else title
    )
