"""The longest outage in one sentence: how long it lasted, why, and what took so long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf

from testbed.checks import OutageReport, Phases
from testbed.checks.injected_faults import InjectedFault
from testbed.checks.windows import Window
from testbed.probes.known_probes import Probes
from testbed.probes.probe_registry import PROBES
from testbed.probes.probe_type import RegisteredProbe

# The resource whose failover each probe sees; the webmail needs both.
# Phases that belong together, and what passed until the last of them. `{}` is the node that took over.
STEPS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("carp master",), "until {} noticed"),
    (("address claimed",), "until it had the address"),
    (("postgres accepting",), "until PostgreSQL accepted connections"),
)
# Seconds that are not worth a part of their own.
NOTHING = 0.05


def explain_longest(
    outages: Mapping[str, OutageReport],
    failovers: Sequence[Phases],
    known: Sequence[InjectedFault] = (),
    probes: Probes = PROBES,
) -> str:
    """Explain the longest outage of a run.

    Args:
        outages: what each probe saw.
        failovers: of the run, in order of time.
        known: the run's faults.
        probes: all probes that the run knew.

    Returns:
        A sentence; empty if no probe ran.
    """
    if not outages:
        return ""
    longest = [(report.longest, probe) for probe, report in outages.items() if report.longest]
    if not longest:
        return "No probe saw an outage."
    window, probe = max(longest, key=lambda pair: pair[0].seconds)
    phases = _failover(window, probes.get(probe), failovers)
    cause = f", {phases.cause}" if phases else _last_fault(window, known)
    if window.last_good is None:
        return f"{probe} had no good answer from the beginning of the run."
    if window.first_good is None:
        but = f", but {window.describe_prober()}" if window.stops else ""
        return f"{probe} had no good answer any more after its last outage began{cause}{but}."
    text = f"The longest outage lasted {window.seconds:.1f} s ({probe}){cause}"
    if window.stops:
        return f"{text}, but {window.describe_prober()}."
    parts = list(_parts(window.last_good, window.first_good, probes.get(probe), phases)) if phases else []
    return f"{text}: {', '.join(parts)}." if len(parts) > 1 else f"{text}."


def _failover(window: Window, probe: type[RegisteredProbe] | None, failovers: Sequence[Phases]) -> Phases | None:
    """The failover in this outage, that of the database first where the probe needs both."""
    begin = -inf if window.last_good is None else window.last_good
    end = inf if window.first_good is None else window.first_good
    for resource in probe.resources if probe else ():
        for each in failovers:
            if each.resource == resource and begin <= each.at + each.seconds["address claimed"] <= end:
                return each
    return None


def _last_fault(window: Window, known: Sequence[InjectedFault]) -> str:
    """The last fault before the outage, when no failover explains it."""
    before = [fault for fault in known if fault.begins <= window.first_bad]
    if not before:
        return ""
    last = max(before, key=lambda fault: fault.begins)
    return f", after {last.name} on {last.node}, without a failover"


def _parts(begin: float, end: float, probe: type[RegisteredProbe] | None, phases: Phases) -> Iterator[str]:
    """How long each step of an outage took, in the order in which they ended."""
    ended = []
    for names, text in (*STEPS[:2], *phases.design.phase_steps, *STEPS[2:]):
        known = [phases.at + phases.seconds[name] for name in names if name in phases.seconds]
        if known and begin <= max(known) <= end:
            ended.append((max(known), text.format(phases.target)))
    ended.sort()
    ended.append((end, (probe or RegisteredProbe).last_part))
    for (at, text), following in pairwise([*ended, (inf, "")]):
        # A step so short goes into the next one.
        if at - begin >= NOTHING or following[0] == inf:
            yield f"{at - begin:.1f} s {text}"
            begin = at
