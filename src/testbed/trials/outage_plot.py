"""Every outage of a series, drawn: a panel for each probe, trials from left to right, seconds from the bottom up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite

from testbed.report.plots import format_latency
from testbed.trials.series_figures import judged, outages, probes
from testbed.trials.trial_store import Trial

# Percent of a panel's height: outages without an end are at the top, and no outage is at the bottom.
ENDLESS, CEILING, GROUND = 6.0, 16.0, 92.0
STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Dot:
    """One outage of one trial, or a trial in which the probe saw none.

    Args:
        left, top: percent of the panel.
        tone: the trial's verdict.
        form: ``outage``, ``endless`` or ``none``.
        title: what it is, in words.
        href: the trial's report; empty when its folder was not kept.
    """

    left: float
    top: float
    tone: str
    form: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class Line:
    """A level of a panel.

    Args:
        top: percent.
        label: what it is.
    """

    top: float
    label: str


@dataclass(frozen=True, slots=True)
class Panel:
    """The outages that one probe saw.

    Args:
        probe: its name.
        dots: every outage.
        guides: levels of the scale.
        limit: the longest outage that the incident allows, None without a limit.
        summary: what is to be seen, in words.
    """

    probe: str
    dots: tuple[Dot, ...]
    guides: tuple[Line, ...]
    limit: Line | None
    summary: str

    @property
    def is_quiet(self) -> bool:
        """Whether the probe saw no outage in any trial."""
        return all(dot.form == "none" for dot in self.dots)


def panels(
    trials: Sequence[Trial], planned: int, limits: Mapping[str, float], href: Callable[[Trial], str]
) -> list[Panel]:
    """Draw a panel for each probe; all have the same scale, so that they can be compared.

    Args:
        trials: those that have ended.
        planned: how many there will be.
        limits: by probe, the longest outage that the incident allows, seconds.
        href: the address of a trial's report, empty if there is none.
    """
    measured = judged(trials)
    seen = {probe: [(trial, outages(trial, probe)) for trial in measured] for probe in probes(trials)}
    longest = [seconds for each in seen.values() for _, found in each for seconds in found if isfinite(seconds)]
    top = nice_top(max([*longest, *(limits[probe] for probe in seen if probe in limits)], default=0.0))
    guides = tuple(
        Line(_height(top * part / 4, top), format_latency(top * part / 4) if part else "0 s") for part in (0, 2, 4)
    )
    return [
        Panel(
            probe,
            tuple(dot for trial, found in each for dot in _dots(trial, probe, found, planned, top, href(trial))),
            guides if any(found for _, found in each) else (Line(GROUND, "0 s"),),
            Line(_height(limits[probe], top), f"limit {format_latency(limits[probe])}")
            if limits.get(probe) and any(found for _, found in each)
            else None,
            _summary(probe, each),
        )
        for probe, each in seen.items()
    ]


def place(number: int, planned: int) -> float:
    """Return where a trial is drawn, percent from the left."""
    return round(100 * (number - 0.5) / max(planned, 1), 3)


def nice_top(longest: float) -> float:
    """Return the top of a scale: 1, 2 or 5 times a power of ten, at least as long as the longest outage."""
    power = 0.001
    while True:
        for step in STEPS:
            if step * power >= longest:
                return step * power
        power *= 10


def _dots(trial: Trial, probe: str, found: Sequence[float], planned: int, top: float, href: str) -> list[Dot]:
    left = place(trial.number, planned)

    def dot(seconds: float, form: str, label: str) -> Dot:
        height = ENDLESS if seconds == inf else _height(seconds, top)
        return Dot(left, height, trial.verdict, form, f"trial {trial.number}, {trial.verdict}: {probe} {label}", href)

    if not found:
        return [dot(0.0, "none", "no outage")]
    return [dot(seconds, "endless" if seconds == inf else "outage", format_latency(seconds)) for seconds in found]


def _height(seconds: float, top: float) -> float:
    return round(GROUND - (GROUND - CEILING) * min(seconds / top, 1.0), 2)


def _summary(probe: str, each: Sequence[tuple[Trial, Sequence[float]]]) -> str:
    without = sum(not found for _, found in each)
    found = [seconds for _, some in each for seconds in some]
    worst = f", the longest {format_latency(max(found))}" if found else ""
    return f"{probe}: {len(found)} outages in {len(each)} trials{worst}; {without} trials without an outage"
