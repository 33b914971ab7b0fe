"""The page of a series: every outage, the distributions, and each trial with its report. One file."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from testbed.record_file import replace_file
from testbed.report import PAGE as REPORT
from testbed.report.plots import format_latency
from testbed.report.summary import OUTAGE
from testbed.trials import outage_plot, series_figures
from testbed.trials.trial_store import PAGE, Trial, TrialStore

# The folder of a series is .testbed/series/NAME, a run's is .testbed/runs/NAME.
RUNS = "../../runs"
ICONS = {"pass": "\N{CHECK MARK}", "fail": "\N{MULTIPLICATION X}", "unknown": "?", "error": "!"}


def write_series_page(store: TrialStore) -> Path:
    """Write the page into the folder of the series, and return its path."""
    path = store.folder / PAGE
    replace_file(path, render(store))
    return path


def render(store: TrialStore) -> str:
    """Return the whole page."""
    trials = store.trials
    expected = store.incident.expected(store.settings.platform.get("profile", "reference"))
    limits = {str(probe): seconds for probe, seconds in expected.max_outage.items() if seconds}
    verdict = series_figures.worst_verdict(trials)
    found = series_figures.measures(trials)
    return _environment().get_template("series.html.j2").render(
        name=store.name,
        incident=store.incident,
        settings=store.settings,
        started=datetime.fromtimestamp(store.settings.started).astimezone().strftime("%Y-%m-%d %H:%M:%S %z"),
        verdict=verdict,
        icon=ICONS[verdict],
        headline=headline(store),
        facts=_facts(store),
        panels=outage_plot.panels(trials, store.settings.trials, limits, report_of),
        cells=[(outage_plot.place(trial.number, store.settings.trials), trial, report_of(trial)) for trial in trials],
        cell_width=round(100 / max(store.settings.trials, 1), 3),
        outage_measures=[each for each in found if each.name.startswith(OUTAGE)],
        phase_measures=[each for each in found if not each.name.startswith(OUTAGE)],
        checks=series_figures.check_counts(trials),
        trials=trials,
        probes=series_figures.probes(trials),
        longest=_longest,
        report_of=report_of,
        left=len(store.missing()),
        # The style of report pages is laid out with the heights of their plots.
        heights=(0, 0, 0),
    )  # fmt: skip


def report_of(trial: Trial) -> str:
    """Return the address of a trial's report, empty when its folder was not kept."""
    return f"{RUNS}/{trial.run}/{REPORT}" if trial.kept else ""


def headline(store: TrialStore) -> str:
    """Return the verdict in one line."""
    trials = store.trials
    counted = series_figures.count_verdicts(trials)
    names = {"fail": "failed", "pass": "passed", "unknown": "could not be judged", "error": "could not be finished"}
    order = ("error", "fail", "unknown", "pass")
    parts = [f"{counted[verdict]} {names[verdict]}" for verdict in order if counted[verdict]]
    played = f"{len(trials)} of {store.settings.trials} trials"
    return f"{played}: {', '.join(parts)}" if parts else f"{played} played"


def _facts(store: TrialStore) -> list[tuple[str, str, str]]:
    """The figures at the top: label, value, what it is made of."""
    trials = store.trials
    share = series_figures.failure_share(trials)
    facts = []
    if share:
        interval = f"95 % interval {100 * share.low:.1f} to {100 * share.high:.1f} %"
        facts.append(
            ("trials failed", f"{100 * share.failed / share.n:.1f} %", f"{share.failed} of {share.n}; {interval}")
        )
    worst = max(series_figures.outage_measures(trials), key=lambda each: each.of.maximum, default=None)
    if worst and worst.of.maximum:
        where = f"{worst.name.removeprefix(OUTAGE)}; its median {format_latency(worst.of.median)}"
        facts.append(("longest outage", format_latency(worst.of.maximum), where))
    found = series_figures.document(store)
    if found["writes_acknowledged"]:
        facts.append(
            ("writes missing", str(found["writes_missing"]), f"of {found['writes_acknowledged']} acknowledged")
        )
    lost = sum(trial.summary.sessions_lost for trial in trials if trial.summary)
    facts.append(("sessions lost", str(lost), "had to log in again"))
    if trials:
        seconds = sum(trial.seconds for trial in trials)
        facts.append(("time", f"{seconds / 60:.0f} min", f"{seconds / len(trials):.0f} s a trial"))
        facts.append(("on the disk", f"{found['disk_bytes'] / 1e6:.0f} MB", "of runs that are kept"))
    return facts


def _longest(trial: Trial, probe: str) -> str:
    found = series_figures.outages(trial, probe)
    return format_latency(max(found)) if found else "none"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("testbed.trials"), PackageLoader("testbed.report")]), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"latency": lambda seconds: format_latency(seconds) if seconds != 0 else "none"}
    return environment
