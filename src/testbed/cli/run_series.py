"""A series of trials on the command line: begun or resumed, played, and reported."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from testbed.cli.output import err, out, progress
from testbed.cli.series_progress import COLOURS, SeriesProgress, format_trial, outage_table
from testbed.cluster import Cluster
from testbed.errors import UsageError
from testbed.incidents.incident_model import Incident
from testbed.incidents.runner import in_shape, series_name
from testbed.settings import Settings
from testbed.trials import series_figures, series_files, series_page
from testbed.trials.series_loop import play_series
from testbed.trials.trial_player import TrialPlayer
from testbed.trials.trial_store import NAME, PAGE, SeriesSettings, TrialStore, find_series

MOST_NAMED = 10


def series_folder(settings: Settings) -> Path:
    """Return the folder that holds all series of a checkout."""
    return settings.state_dir / "series"


def begin_series(
    cluster: Cluster, incident: Incident, trials: int, seed: int | None, name: str | None, *, drop_passing: bool,
    fresh: bool,
) -> TrialStore:  # fmt: skip
    """Make the folder of a new series.

    Raises:
        UsageError: the name is taken, or cannot be a folder's.
    """
    if name is not None and not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name of a series", where="--name", fix="use letters, digits, -, _ and .")
    settings = SeriesSettings(
        incident=incident.model_dump(mode="json"), seed=incident.seed if seed is None else seed,
        platform=_platform(cluster, incident), trials=trials, started=time.time(), drop_passing=drop_passing,
        fresh=fresh,
    )  # fmt: skip
    return TrialStore.create(series_folder(cluster.settings) / (name or series_name(incident)), settings)


def resume_series(cluster: Cluster, name: str, trials: int | None, incident: Incident | None) -> TrialStore:
    """Return a series to go on with.

    Args:
        cluster: that it is played on.
        name: of the series, or a unique prefix.
        trials: how many there shall be, None as before.
        incident: that the user named, None if none.

    Raises:
        UsageError: there is no such series, or it was played with another incident or on another platform.
    """
    store = TrialStore(find_series(name, series_folder(cluster.settings)))
    if incident is not None and incident != store.incident:
        raise UsageError(
            f"the series {store.name} was begun with another {store.incident.name}",
            fix="go on without the file: the series keeps its own; or begin another series",
        )
    for key, value in _platform(cluster, store.incident).items():
        if (before := store.settings.platform.get(key)) != value:
            raise UsageError(
                f"the series {store.name} was played with {key} {before}, and this cluster has {value}",
                fix="bring up a cluster like the one of the series, or begin another series",
            )
    if trials is not None and trials != store.settings.trials:
        store.aim(trials)
    return store


def play(cluster: Cluster, store: TrialStore) -> int:
    """Play the trials that are left, write the page whatever happens, and return the exit status.

    Raises:
        TestbedError: testbed could not go on; what was played is kept.
    """
    err.print(f"series {store.name}: {len(store.missing())} of {store.settings.trials} trials to play", highlight=False)
    err.print(f"  page, written after each trial: {store.folder / PAGE}", highlight=False)
    series_files.write_series(store)
    state_dir = cluster.settings.state_dir
    try:
        with SeriesProgress(store, err) as watch, in_shape(cluster, store.incident) as shaped:
            player = TrialPlayer(shaped, store, progress, watch.print_line)
            play_series(store, player, watch, lambda: shutil.disk_usage(state_dir).free)
    except KeyboardInterrupt:
        err.print(f"  interrupted; go on with `testbed run --resume {store.name}`", highlight=False)
        raise
    finally:
        series_files.write_series(store)
    return series_figures.exit_status(store.trials)


def print_series(store: TrialStore) -> None:
    """Print the verdict, the distributions and where the page is."""
    trials = store.trials
    verdict = series_figures.worst_verdict(trials)
    out.print(
        f"[bold {COLOURS[verdict]}]{verdict}[/]  {store.incident.name}: {series_page.headline(store)}", highlight=False
    )
    if share := series_figures.failure_share(trials):
        out.print(f"  {share}", highlight=False)
    out.print(outage_table(trials, full=True))
    bad = [trial for trial in trials if trial.verdict != "pass"]
    for trial in bad[:MOST_NAMED]:
        out.print(f"  {format_trial(trial, store.settings.trials)}", highlight=False)
    if len(bad) > MOST_NAMED:
        out.print(f"  and {len(bad) - MOST_NAMED} more on the page", highlight=False)
    out.print(f"  page: {escape(str(store.folder / PAGE))}", highlight=False)


def series_document(store: TrialStore) -> Mapping[str, Any]:
    """Return a series for ``--json``."""
    return {**series_figures.document(store), "page": str(store.folder / PAGE)}


def _platform(cluster: Cluster, incident: Incident) -> dict[str, str]:
    """What the cluster is while the incident is played: its sessions may be moved for that time."""
    sessions = incident.cluster.sessions
    return {**cluster.platform, **({"sessions": sessions} if sessions else {})}
