"""The phases of each failover: the states of the nodes and the outages of the probes, on one clock."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile
from math import inf
from operator import attrgetter
from types import MappingProxyType

from testbed.checks.check import Check
from testbed.checks.claim_trigger import TriggerHistory
from testbed.checks.injected_faults import InjectedFault, injected_faults
from testbed.checks.outage import check_outage
from testbed.checks.recorded_run import RecordedRun
from testbed.checks.standstills import standstills
from testbed.checks.states import Span, Timelines, spans_with_value, timelines
from testbed.checks.verdict import Verdict
from testbed.checks.verdict_builder import VerdictBuilder
from testbed.checks.windows import Window
from testbed.designs.design_registry import DEFAULT, design_of_run
from testbed.designs.recorded_design import RecordedDesign
from testbed.journal import Aspect, Journal, Series
from testbed.probes.known_probes import Probes, journal_probes

# Seconds by which nodes and probes may report late without being out of order.
SLACK = 0.5
# The design's phases stand between these.
_BEFORE = ("last good reply", "carp master", "address claimed")
_AFTER = ("postgres accepting", "first write", "first page")
# Each phase and what it must not come before.
_ORDER = (("first write", "address claimed"), ("first write", "postgres accepting"))
ADDRESSES: Mapping[str, str] = MappingProxyType({"site": Aspect.SITE_ADDRESS, "database": Aspect.DATABASE_ADDRESS})
# The attribute of a sample that names the node of the resource.
_ANSWERED_BY: Mapping[str, str] = MappingProxyType({"site": "balancer", "database": "database"})
# The states that a node goes into as it takes over.
_NOTICED = ("carp master", Aspect.CARP, "master")
_START = attrgetter("start")
_ACCEPTING = ("postgres accepting", Aspect.POSTGRES, "accepting")


@dataclass(frozen=True, slots=True)
class Phases:
    """A virtual address went from one node to another, and the service with it.

    Args:
        resource: ``site`` or ``database``.
        source, target: the node that held the address before, and the one that took it.
        at: what the phases count from, in monotonic seconds: the fault's injection or its healing; the claim itself
            if neither explains it.
        fault: the fault it belongs to, None if there is none.
        healing: whether the fault's healing brought it about.
        seconds: each phase seen, of ``phase_names``, in seconds after ``at``.
        disorder: phases that came before one they depend on.
        away: probes that had no good answer any more.
        unsure: probes whose prober stood still in that outage; what it hides is left out of ``seconds``.
        design: what the runs of the database design record.
    """

    resource: str
    source: str
    target: str
    at: float
    fault: InjectedFault | None
    healing: bool
    seconds: Mapping[str, float]
    disorder: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    design: RecordedDesign = DEFAULT.recorded

    def rows(self) -> list[tuple[str, float | None]]:
        """Each phase's name and time, None if it was not seen, in the order in which they are expected."""
        return [(name, self.seconds.get(name)) for name in phase_names(self.design)]

    @property
    def cause(self) -> str:
        """Why it moved, in a few words."""
        if self.fault is None:
            return "without a fault"
        return f"after {'healing ' if self.healing else ''}{self.fault.name} on {self.fault.node}"

    @property
    def title(self) -> str:
        """What moved, and why, in a few words."""
        return f"{self.resource} from {self.source} to {self.target} {self.cause}"

    @property
    def served(self) -> bool:
        """Whether the service came back for a probe that had noticed the outage."""
        return "first write" in self.seconds or "first page" in self.seconds

    @property
    def ok(self) -> bool:
        """The service came back, and nothing came before what it depends on."""
        return self.served and not self.disorder and not self.away

    def short_summary(self) -> str:
        """When service was back, and what is wrong, in few words."""
        return self._format(("address claimed", "first write", "first page"))

    def describe(self) -> str:
        """The phases and the verdict, one paragraph."""
        return self._format(phase_names(self.design))

    def _format(self, names: Sequence[str]) -> str:
        known = [f"{name} {format_offset(self.seconds[name])}" for name in names if name in self.seconds]
        text = f"{self.title}: {', '.join(known)}"
        if self.unsure:
            text += f"; the prober itself stood still in the outage of {', '.join(self.unsure)}"
        elif not self.served:
            text += "; no outage that ended was seen by any probe"
        if self.away:
            text += f"; service did not come back for {', '.join(self.away)}"
        for problem in self.disorder:
            text += f"; out of order: {problem}"
        return text + "."


def phase_names(design: RecordedDesign) -> tuple[str, ...]:
    """Return the names of all phases, in the order in which they are expected."""
    return (*_BEFORE, *(name for name, _, _ in design.phases), *_AFTER)


def format_offset(seconds: float) -> str:
    """A time before or after the cause; a time that rounds to zero has a plus sign."""
    return f"{round(seconds, 2) + 0.0:+.2f} s"


def failovers(journal: Journal) -> list[Phases]:
    """Return every failover that the journal shows, in order of time."""
    lines = timelines(journal)
    design = design_of_run(journal.plan).recorded
    stops = standstills(journal)
    reports = {probe: check_outage(series, stops=stops[probe]) for probe, series in journal.probes.items()}
    history = TriggerHistory(injected_faults(journal))
    probes = journal_probes(journal)
    found = []
    for resource, aspect in ADDRESSES.items():
        # The probes that have no good sample while the resource is away.
        cut_off = {name: probe for name, probe in probes.items() if resource in probe.resources}
        claims = _claims(spans_with_value(lines, aspect, "held"))
        for place, (source, target, span) in enumerate(claims):
            until = claims[place + 1][2].start if place + 1 < len(claims) else inf
            step = history.find(source, target, span.start)
            at = span.start if step is None else step.at
            seconds = _states(lines, target, at, span.start, until, design)
            seconds["address claimed"] = span.start - at
            of_each = {
                probe: window
                for probe in sorted(reports, key=lambda name: (_is_visit(probes, name), reports[name].resolution))
                if (window := _outage(reports[probe].windows, at, span.start + SLACK + span.error))
                and _answered_by(journal.probes[probe], window.first_good, resource) != source
            }
            seconds |= _seen_by_probes(of_each, cut_off, at)
            disorder = _disorder(seconds, SLACK + span.error, design)
            # Of an outage that lasted when the prober ended, the end is unknown.
            away = tuple(
                p for p in cut_off if p in of_each and of_each[p].first_good is None and not of_each[p].is_cut_short
            )
            unsure = tuple(p for p in cut_off if p in of_each and of_each[p].stops)
            found.append(
                Phases(
                    resource,
                    source,
                    target,
                    at,
                    step.fault if step else None,
                    step.healing if step else False,
                    seconds,
                    disorder,
                    away,
                    tuple(dict.fromkeys(unsure)),
                    design,
                )
            )
    return sorted(found, key=lambda phases: phases.at)


class PhasesCheck(Check):
    """The phases of each failover come in order, and service returns.

    The check `outage` judges how soon service must come back. A failover that no probe noticed has not failed. Nor has
    one that was refused, if the incident expects that service stops.
    """

    name = "phases"
    passes_if = "each phase of each failover came after the phases that it depends on, and service came back"
    unknown_if = "the journal ends before service came back"
    judges = "every run with a failover"

    def judge(self, run: RecordedRun) -> Verdict | None:
        """Return the verdict; None for a run without a failover."""
        every = failovers(run.journal)
        if not every:
            return None
        builder = VerdictBuilder()
        for phases in every:
            lost = bool(phases.away) and not run.expect.no_service_until_heal
            if phases.disorder or (lost and run.complete):
                builder.fail(phases.describe(), phases.at, phases.target)
            else:
                add = builder.doubt if lost or phases.unsure else builder.note
                add(phases.describe(), phases.at, phases.target)
        return builder.verdict(self.name, " ".join(phases.short_summary() for phases in every))


def _claims(holders: Mapping[str, Sequence[Span]]) -> list[tuple[str, str, Span]]:
    """Who held an address, who took it, and its time there, in order."""
    in_order = sorted(((span, node) for node, spans in holders.items() for span in spans), key=lambda it: it[0].start)
    return [(source, target, span) for (_, source), (span, target) in pairwise(in_order) if source != target]


def _states(
    lines: Timelines, target: str, at: float, claimed: float, until: float, design: RecordedDesign
) -> dict[str, float]:
    """Return the phases that the target's states date; a state that it had all the time belongs to no phase.

    The server of a standby that replicates by itself accepts connections already.
    """
    seconds = {}
    for name, aspect, value in (_NOTICED, *design.phases, _ACCEPTING):
        spans = lines.get((target, aspect), [])
        # A search from the first span would cost every failover the whole run.
        first = bisect_left(spans, at, key=_START)
        before = spans[first - 1] if first else None
        if before and before.value == value and claimed < before.end:
            continue
        later = takewhile(lambda span: span.start < until, islice(spans, first, None))
        if (start := next((span.start for span in later if span.value == value), None)) is not None:
            seconds[name] = start - at
    return seconds


def _seen_by_probes(of_each: Mapping[str, Window], cut_off: Probes, at: float) -> dict[str, float]:
    """Return the phases that the probes date.

    Args:
        of_each: each probe's outage, the finest probe first, and probes whose samples are several requests last.
        cut_off: the probes that need what moved.
        at: what to count from.
    """
    seconds = {}
    replies = (window.last_good for probe, window in of_each.items() if probe in cut_off and window.begin_is_known)
    if (reply := next((came for came in replies if came is not None), None)) is not None:
        seconds["last good reply"] = reply - at
    # Of two probes that date the same phase, the later one in the registry needs more of the site.
    dating = {each.dates: of_each[name] for name, each in cut_off.items() if name in of_each}
    for phase, window in dating.items():
        if phase and window.first_good is not None and window.end_is_known:
            seconds[phase] = window.first_good - at
    return seconds


def _answered_by(series: Series, came: float | None, resource: str) -> str:
    """Return the node that sent the good reply; empty if the probe does not know it.

    An outage that the old owner of the address ended was not ended by the failover. Both nodes held the address at once
    then, which the check ``ownership`` judges.
    """
    if came is None:
        return ""
    # From the last sample that was due by then: a search from the first one would cost every failover the whole run.
    due = range(bisect_right(series.scheduled, came) - 1, -1, -1)
    place = next((place for place in due if series.finished[place] == came), None)
    return "" if place is None else series.attrs(place).get(_ANSWERED_BY[resource], "")


def _is_visit(probes: Probes, name: str) -> bool:
    return name in probes and probes[name].is_visit


def _outage(windows: Sequence[Window], at: float, claimed: float) -> Window | None:
    """The longest outage that ended after the fault and began before the claim; None if the probe saw none.

    What begins after the address has been claimed has another cause.
    """
    within = [
        window
        for window in windows
        if (window.first_good is None or window.first_good > at) and (window.last_good or -inf) < claimed
    ]
    return max(within, key=lambda window: window.seconds, default=None)


def _disorder(seconds: Mapping[str, float], slack: float, design: RecordedDesign) -> tuple[str, ...]:
    names = phase_names(design)
    order = sorted((*_ORDER, *design.phase_order), key=lambda pair: (names.index(pair[0]), names.index(pair[1])))
    return tuple(
        f"{later} ({format_offset(seconds[later])}) before {earlier} ({format_offset(seconds[earlier])})"
        for later, earlier in order
        if later in seconds and earlier in seconds and seconds[later] < seconds[earlier] - slack
    )
