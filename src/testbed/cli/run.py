"""``testbed run``: play incident files on the running cluster, and judge what users saw."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from docker.errors import DockerException
from rich.markup import escape
from rich.table import Table

from testbed import settings as configuration
from testbed.checks import Status, Verdict
from testbed.cli import complete
from testbed.cli.exit_status import ExitStatus, worst
from testbed.cli.group import examples, new_app
from testbed.cli.incidents import print_incidents
from testbed.cli.options import Consent, Json, Yes, print_json
from testbed.cli.output import err, out
from testbed.cli.run_series import begin_series, play, print_series, resume_series, series_document
from testbed.cluster import Cluster, project
from testbed.cluster.lock import Use, hold
from testbed.errors import TestbedError, UsageError
from testbed.incidents import find_all
from testbed.incidents.cluster_loader import load_for_cluster, load_with_design
from testbed.incidents.incident_model import Incident, Step
from testbed.incidents.incident_text import describe, describe_step
from testbed.incidents.locust_command import CLUSTER
from testbed.incidents.runner import IncidentResult, play_repeats
from testbed.probes.known_probes import known_probes
from testbed.topology.declared_probes import as_data
from testbed.trials.trial_store import TrialStore

EXIT = {Status.PASS: ExitStatus.OK, Status.FAIL: ExitStatus.FAILED, Status.UNKNOWN: ExitStatus.UNKNOWN}
COLOURS = {Status.PASS: "green", Status.FAIL: "red", Status.UNKNOWN: "yellow"}


app = new_app()


@app.command(
    epilog=examples(
        "testbed run database-power-loss",
        "testbed run database-power-loss --repeat 100",
        "testbed run --resume latest",
        "testbed run database-power-loss --repeat 20 --fresh --yes",
        "testbed run database-frozen --step --no-heal",
    )
)
def run(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help="Incident files, folders of them, or names of those in incidents/; none: list them.",
            autocompletion=complete.incidents,
        ),
    ] = None,
    *,
    repeat: Annotated[
        int | None,
        typer.Option(help="How many times each, instead of the file's; several times are a series of trials.", min=1),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random choices, instead of the file's.", min=0)] = None,
    name: Annotated[str | None, typer.Option(help="Name of the series; by default date and incident.")] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="NAME", help="Go on with this series; `latest` is the one begun last.")
    ] = None,
    drop_passing: Annotated[
        bool, typer.Option("--drop-passing", help="Delete the run folder of each trial that passes; its figures stay.")
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Reset the cluster before each trial, so that all begin alike; deletes its data."),
    ] = False,
    yes: Yes = False,
    keep: Annotated[
        bool, typer.Option("--no-heal", help="Leave the cluster as the last step left it, to look at it.")
    ] = False,
    step: Annotated[bool, typer.Option("--step", help="Stop before each step until Enter is pressed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files, print what would happen.")] = False,
    as_json: Json = False,
) -> None:
    """Play incidents on the running cluster; each run gets a report.

    With --repeat, the trials are a series with a page of its own: every outage, the distributions, each failed trial
    with its report. The series goes on when a trial fails, and when testbed could not finish one: then the cluster is
    repaired first. Ctrl-C ends a series; --resume goes on with it, also after a kill or a reboot.

    Exit status: 0 all passed (known failures do not count), 1 one failed, 2 usage or a wrong file (nothing was
    started), 3 one could not be judged, 4 testbed itself failed.
    """
    settings = configuration.load()
    if not files and resume is None:
        print_incidents(settings, [], as_json=as_json)
        return
    paths = [path for file in files or () for path in find_all(file, settings.root)]
    once = [option for option, given in (("--no-heal", keep), ("--step", step), ("--dry-run", dry_run)) if given]
    _must_make_sense(paths, repeat, seed, name, resume, fresh=fresh, once=once)
    if dry_run:
        typer.echo("\n\n".join(_described(path, settings) for path in paths))
        return
    with hold(settings, Use.EXCLUSIVE):
        incidents = [load_for_cluster(path, settings) for path in paths]
        if not project.exists(settings):
            raise UsageError("no cluster is up", fix="run `testbed up`")
        cluster = Cluster(settings)
        show = _Results(as_json=as_json)
        if fresh:
            Consent(given=yes).ask("before each trial the data of all nodes is deleted: databases, mail and files")
        statuses = []
        if resume is not None:
            store = resume_series(cluster, resume, repeat, incidents[0] if incidents else None)
            incidents, statuses = [], [_play_series(cluster, store, show)]
        for incident in incidents:
            times = 1 if once else repeat or incident.repeat
            if times > 1 or fresh:
                store = begin_series(cluster, incident, times, seed, name, drop_passing=drop_passing, fresh=fresh)
                statuses.append(_play_series(cluster, store, show))
            else:
                statuses.append(_play(cluster, incident, seed, show, keep=keep, step=step))
        show.end()
    raise typer.Exit(worst(statuses))


def _described(path: Path, settings: configuration.Settings) -> str:
    """Return an incident as text, with the probes of the cluster that it asks for."""
    incident, design = load_with_design(path, settings)
    probes = known_probes(as_data(design.probes) if incident.site == CLUSTER else {})
    return describe(incident, {name: probe.interval for name, probe in probes.items()})


def _must_make_sense(
    paths: Sequence[Path], repeat: int | None, seed: int | None, name: str | None, resume: str | None, *,
    fresh: bool, once: Sequence[str],
) -> None:  # fmt: skip
    """Refuse options that exclude each other; ``once`` has the given options that are for a single run."""
    if resume is not None:
        kept = [option for option, value in (("--seed", seed), ("--name", name)) if value is not None]
        kept += ["--fresh"] if fresh else []
        if refused := [*kept, *once]:
            raise UsageError(
                f"{refused[0]} cannot be combined with --resume: the series {resume!r} keeps its own settings",
                fix="remove one of the two options",
            )
        if len(paths) > 1:
            raise UsageError("--resume goes on with one series, of one incident", fix="name no file")
    if fresh and once:
        raise UsageError(f"--fresh is for trials, and {once[0]} for a single run", fix="remove one of the two options")
    if "--no-heal" in once and (len(paths) > 1 or (repeat or 1) > 1):
        raise UsageError("--no-heal leaves one broken cluster", fix="use it with one file, once")
    if "--step" in once and (repeat or 1) > 1:
        raise UsageError("--step asks before each step, and a series is unattended", fix="remove one of the two")
    if name is not None and len(paths) > 1:
        raise UsageError(f"{len(paths)} incidents are {len(paths)} series, and --name names one", fix="name one file")
    if "--step" in once and not sys.stdin.isatty():
        raise UsageError("--step needs a terminal to ask at", fix="leave it away")


def _play_series(cluster: Cluster, store: TrialStore, show: _Results) -> int:
    """Play a series and print it; returns the exit status that it calls for."""
    codes: list[int] = [ExitStatus.OK]
    try:
        codes.append(play(cluster, store))
    except UsageError:
        raise
    except (TestbedError, DockerException, OSError) as error:
        err.print(f"[bold red]testbed:[/] {escape(str(error))}", highlight=False)
        codes.append(ExitStatus.TESTBED_FAILED)
    show.series(store)
    return worst(codes)


def _play(
    cluster: Cluster,
    incident: Incident,
    seed: int | None,
    show: _Results,
    *,
    keep: bool,
    step: bool,
) -> int:
    """Play one incident once; returns the exit status that it calls for."""
    codes: list[int] = [ExitStatus.OK]
    begun: list[Path] = []
    try:
        for result in play_repeats(
            cluster, incident, seed=seed, repeat=1, keep=keep, on_begin=begun.append,
            print_line=lambda text: err.print(f"  {escape(text)}", highlight=False),
            before_step=_wait_for_enter if step else _go_on,
        ):  # fmt: skip
            show(incident, result)
            codes.append(EXIT[result.status])
    except UsageError:
        raise
    except (TestbedError, DockerException, OSError) as error:
        # The other incidents are played all the same: each begins with a healthy cluster, or fails.
        err.print(f"[bold red]testbed:[/] {incident.name}: {escape(str(error))}", highlight=False)
        for page in (folder / "report.html" for folder in begun):
            if page.exists():
                err.print(f"  report: {escape(str(page))}", highlight=False)
        codes.append(ExitStatus.TESTBED_FAILED)
    return worst(codes)


class _Results:
    """Prints each run or series when it is judged, or all of them as JSON at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._documents: list[Mapping[str, object]] | None = [] if as_json else None

    def __call__(self, incident: Incident, result: IncidentResult) -> None:
        """Print a run."""
        if self._documents is None:
            _show(incident, result)
        else:
            checks = [{**asdict(each), "status": each.status.value} for each in result.verdicts]
            self._documents.append({
                "incident": incident.name,
                "verdict": result.status.value,
                "run": result.folder.name,
                "report": str(result.folder / "report.html"),
                "checks": checks,
            })  # fmt: skip

    def series(self, store: TrialStore) -> None:
        """Print a series."""
        if self._documents is None:
            print_series(store)
        else:
            self._documents.append(series_document(store))

    def end(self) -> None:
        """Print what was kept."""
        if self._documents is not None:
            print_json(self._documents)


def _show(incident: Incident, result: IncidentResult) -> None:
    status = result.status
    out.print(f"[bold {COLOURS[status]}]{status.value}[/]  {incident.name}", highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 1))
    for verdict in result.verdicts:
        table.add_row("", *_row(verdict))
    out.print(table)
    out.print(f"  report: {result.folder / 'report.html'}", highlight=False)


def _row(verdict: Verdict) -> tuple[str, str, str]:
    known = bool(verdict.documented) and verdict.status is Status.FAIL
    colour = "yellow" if known else COLOURS[verdict.status]
    word = "known failure" if known else verdict.status.value
    text = f"{verdict.summary} Known failure: {verdict.documented}" if known else verdict.summary
    return f"[{colour}]{word}[/]", verdict.check, escape(text)


def _wait_for_enter(number: int, step: Step) -> None:
    """Wait until the user presses Enter; load and probes go on."""
    try:
        typer.prompt(f"  {number}: {describe_step(step)}. Enter", default="", show_default=False, err=True)
    except typer.Abort:  # Ctrl-C at the question is Ctrl-C: healed, and not waited for
        raise KeyboardInterrupt from None


def _go_on(number: int, step: Step) -> None:
    """Go on without a question."""
