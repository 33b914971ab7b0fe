"""What a series of trials shows while it goes on: trials done, outages so far, the time left."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from testbed.report.plots import format_latency
from testbed.report.summary import OUTAGE
from testbed.trials import series_figures, series_files
from testbed.trials.trial_store import Trial, TrialStore

COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow", "error": "red"}
NAMES = {"pass": "passed", "fail": "failed", "unknown": "unknown", "error": "not finished"}


class SeriesProgress:
    """Shows a series on a console: a table that is drawn again in a terminal, a line for each trial elsewhere.

    It draws when something happens, not by a clock: the computer is the one that the trials are measured on. The page
    of the series is written after each trial, so that it can be read meanwhile.

    Args:
        store: of the series.
        console: where to.
    """

    def __init__(self, store: TrialStore, console: Console) -> None:
        self._store = store
        self._console = console
        self._number = 0
        self._step = ""
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live.is_started:
            self._live.update("", refresh=True)
            self._live.stop()

    def begins(self, number: int) -> None:
        """Show that a trial begins."""
        self._number, self._step = number, ""
        self._draw()

    def print_line(self, text: str) -> None:
        """Show what happens in the trial; only a terminal shows it, because a log has the journal for that."""
        self._step = text
        self._draw()

    def ends(self, trial: Trial) -> None:
        """Print a trial's result, and how the series stands."""
        series_files.write_series(self._store)
        self._console.print(f"  {format_trial(trial, self._store.settings.trials)}", highlight=False)
        if not self._live.is_started:
            self._console.print(f"    {escape(format_standing(self._store))}", highlight=False)
        self._draw()

    def _draw(self) -> None:
        if not self._live.is_started:
            return
        head = f"[bold]trial {self._number} of {self._store.settings.trials}[/]  {escape(_standing(self._store))}"
        self._live.update(Group(head, outage_table(self._store.trials), f"[dim]{escape(self._step)}[/]"), refresh=True)


def outage_table(trials: list[Trial], *, full: bool = False) -> Table:
    """Return a table of the outages of each probe so far.

    Args:
        trials: those that have ended.
        full: with the 95 % interval of the median, and the p95.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    more = ("95 % interval", "p95") if full else ()
    for heading in ("longest outage", "n", "median", *more, "max"):
        table.add_column(heading, justify="left" if heading == "longest outage" else "right")
    for each in series_figures.outage_measures(trials):
        interval = " to ".join(dict.fromkeys(map(_format_outage, each.interval))) if each.interval else "needs 6"
        p95 = "needs 20" if each.of.p95 is None else _format_outage(each.of.p95)
        middle = (interval, p95) if full else ()
        table.add_row(
            each.name.removeprefix(OUTAGE),
            str(each.of.n),
            _format_outage(each.of.median),
            *middle,
            _format_outage(each.of.maximum),
        )
    return table


def format_trial(trial: Trial, planned: int) -> str:
    """Return a trial's result in one line of Rich's markup."""
    colour = COLOURS[trial.verdict]
    parts = [f"[{colour}]{NAMES[trial.verdict]}[/] {trial.number} of {planned} ({trial.seconds:.0f} s)"]
    if trial.reason:
        parts.append(escape(trial.reason))
    if trial.repair:
        parts.append(f"repaired by {escape(trial.repair)}")
    if trial.verdict != "pass" and trial.kept:
        parts.append(f"run {trial.run}")
    return "; ".join(parts)


def format_standing(store: TrialStore) -> str:
    """Return how the series stands in one line: verdicts, median and maximum of the outages, time left."""
    found = series_figures.outage_measures(store.trials)
    outages = ", ".join(
        f"{each.name.removeprefix(OUTAGE)} {_format_outage(each.of.median)} (max {_format_outage(each.of.maximum)})"
        for each in found
        if each.of.maximum
    )
    return f"{_standing(store)}; median outage: {outages or 'none'}"


def format_seconds(seconds: float) -> str:
    """Return a length of time for people: ``40 s``, ``12 min``, ``2 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _standing(store: TrialStore) -> str:
    counted = series_figures.count_verdicts(store.trials)
    done = ", ".join(f"{count} {NAMES[verdict]}" for verdict, count in counted.items() if count) or "none has ended"
    left = series_figures.seconds_left(store)
    time_left = f"; about {format_seconds(left)} left" if left else ""
    used = series_figures.disk_bytes(store.trials)
    return f"{done}{time_left}" + (f"; {used / 1e6:.0f} MB on the disk" if used else "")


def _format_outage(seconds: float) -> str:
    return format_latency(seconds) if seconds else "none"
