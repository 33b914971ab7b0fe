"""What the trials of a series show together: counts, distributions and their confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import fmean
from typing import Any

from testbed.report import Distribution
from testbed.report.distribution import median_interval, share_interval
from testbed.report.summary import OUTAGE
from testbed.trials.trial_store import ERROR, Trial, TrialStore

VERDICTS = ("pass", "fail", "unknown", ERROR)
# What a command ends with, by verdict, the worst first.
EXIT_STATUSES = {ERROR: 4, "fail": 1, "unknown": 3}


@dataclass(frozen=True, slots=True)
class SeriesMeasure:
    """A figure over the trials.

    Args:
        name: ``outage of sql-write``, or a phase of a failover.
        of: its distribution, seconds.
        interval: of the median, with a confidence of 95 %; None of fewer than 6 trials.
    """

    name: str
    of: Distribution
    interval: tuple[float, float] | None

    def document(self) -> dict[str, Any]:
        """Return it for JSON; an outage without an end is null."""
        low, high = self.interval or (None, None)
        return {
            "name": self.name, "n": self.of.n, "median": _finite(self.of.median), "p95": _finite(self.of.p95),
            "min": _finite(self.of.minimum), "max": _finite(self.of.maximum),
            "median_low": _finite(low), "median_high": _finite(high),
        }  # fmt: skip


def judged(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that measured something: a trial that testbed could not finish has no series_figures."""
    return [trial for trial in trials if trial.verdict != ERROR and trial.summary]


def count_verdicts(trials: Sequence[Trial]) -> dict[str, int]:
    """Return how many trials have each verdict."""
    counted: Counter[str] = Counter(trial.verdict for trial in trials)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def measures(trials: Sequence[Trial]) -> list[SeriesMeasure]:
    """Return the distribution of every figure: the longest outage of each probe, then the phases."""
    values: dict[str, list[float]] = {}
    for trial in judged(trials):
        for name, value in (trial.summary.measures() if trial.summary else {}).items():
            values.setdefault(name, []).append(value)
    ordered = sorted(values, key=lambda name: not name.startswith(OUTAGE))
    return [SeriesMeasure(name, Distribution.of(values[name]), median_interval(values[name])) for name in ordered]


def outage_measures(trials: Sequence[Trial]) -> list[SeriesMeasure]:
    """Return the distribution of the longest outage of each probe."""
    return [measure for measure in measures(trials) if measure.name.startswith(OUTAGE)]


@dataclass(frozen=True, slots=True)
class FailureShare:
    """How many trials failed.

    Args:
        failed: trials that failed.
        n: trials that passed or failed.
        low, high: interval of the probability that a trial fails, with a confidence of 95 %.
    """

    failed: int
    n: int
    low: float
    high: float

    def document(self) -> dict[str, float]:
        """Return it for JSON."""
        return {"failed": self.failed, "of": self.n, "low": round(self.low, 5), "high": round(self.high, 5)}

    def __str__(self) -> str:
        return f"{self.failed} of {self.n} failed (95 % interval {100 * self.low:.1f} to {100 * self.high:.1f} %)"


def failure_share(trials: Sequence[Trial]) -> FailureShare | None:
    """Return how many trials failed; None before one passed or failed."""
    counted = count_verdicts(trials)
    n = counted["pass"] + counted["fail"]
    return FailureShare(counted["fail"], n, *share_interval(counted["fail"], n)) if n else None


def check_counts(trials: Sequence[Trial]) -> dict[str, Counter[str]]:
    """Return for each check how often it passed, failed, failed as known, and was unknown."""
    found: dict[str, Counter[str]] = {}
    for trial in judged(trials):
        for check in trial.summary.checks if trial.summary else ():
            status = "known" if check.status == "fail" and check.documented else check.status
            found.setdefault(check.name, Counter())[status] += 1
    return dict(sorted(found.items(), key=lambda item: (-item[1]["fail"], -item[1]["unknown"], item[0])))


def outages(trial: Trial, probe: str) -> list[float]:
    """Return every outage that a probe saw in a trial, in order; one without an end is infinite."""
    seen = trial.summary.outages.get(probe) if trial.summary else None
    if seen is None or not seen.count:
        return []
    each = seen.each or [seen.longest]
    return [inf if seconds is None else seconds for seconds in each]


def probes(trials: Sequence[Trial]) -> list[str]:
    """Return the probes of all trials, in the order of the first trial."""
    return list(dict.fromkeys(probe for trial in judged(trials) if trial.summary for probe in trial.summary.outages))


def seconds_left(store: TrialStore) -> float | None:
    """Return how long the rest takes if it goes on as before; None before the first trial has ended."""
    seconds = [trial.seconds for trial in store.trials]
    return fmean(seconds) * len(store.missing()) if seconds else None


def disk_bytes(trials: Sequence[Trial]) -> int:
    """Return how many bytes the kept run folders take."""
    return sum(trial.size for trial in trials if trial.kept)


def exit_status(trials: Sequence[Trial]) -> int:
    """Return the exit status that the trials call for: the worst counts."""
    verdicts = {trial.verdict for trial in trials}
    return next((status for verdict, status in EXIT_STATUSES.items() if verdict in verdicts), 0)


def worst_verdict(trials: Sequence[Trial]) -> str:
    """Return the verdict over all trials."""
    verdicts = {trial.verdict for trial in trials}
    return next((verdict for verdict in EXIT_STATUSES if verdict in verdicts), "pass" if trials else "unknown")


def document(store: TrialStore) -> Mapping[str, Any]:
    """Return a series for ``summary.json`` and ``--json``."""
    trials = store.trials
    share = failure_share(trials)
    return {
        "version": 1,
        "series": store.name,
        "incident": store.incident.name,
        "verdict": worst_verdict(trials),
        "seed": store.settings.seed,
        "platform": store.settings.platform,
        "started": store.settings.started,
        "planned": store.settings.trials,
        "played": len(trials),
        "verdicts": count_verdicts(trials),
        "failed_share": share.document() if share else None,
        "distributions": [measure.document() for measure in measures(trials)],
        "checks": {name: dict(counted) for name, counted in check_counts(trials).items()},
        "writes_missing": sum(trial.summary.writes.missing for trial in trials if trial.summary),
        "writes_acknowledged": sum(trial.summary.writes.acknowledged for trial in trials if trial.summary),
        "disk_bytes": disk_bytes(trials),
        "trials": [_trial(trial) for trial in trials],
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "verdict": trial.verdict,
        "run": trial.run,
        "kept": trial.kept,
        "seconds": trial.seconds,
        "failed_checks": trial.failed_checks,
        "error": trial.error,
        "repair": trial.repair,
        "outages": {
            probe: [_finite(seconds) for seconds in outages(trial, probe)]
            for probe in (trial.summary.outages if trial.summary else ())
        },
    }


def _finite(value: float | None) -> float | None:
    return round(value, 4) if value is not None and isfinite(value) else None
