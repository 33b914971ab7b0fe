"""``testbed bench``: the project's figures, measured."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from math import inf
from typing import Annotated

import typer
from rich.table import Table

from testbed.bench import KINDS, Failover, Round, SoakResult, idle, overhead, repeat_failovers, soak
from testbed.checks import Status
from testbed.cli.exit_status import ExitStatus, worst
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Json, duration_option, percentage_option, print_json
from testbed.cli.output import out, progress
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.lock import Use
from testbed.errors import UsageError
from testbed.incidents.incident_model import Load
from testbed.report import Distribution
from testbed.units import format_percentage

app = new_app(help="Measure failovers, the cost of measuring, and the load.", no_args_is_help=True)

For = Annotated[
    float, duration_option("--for", help="How long each is counted.", least=5, most=600, show_default="40s")
]
ThinkTime = Annotated[
    float,
    percentage_option(
        "--think-time",
        help="Their thinking times, as a share of the usual ones; 0%: none.",
        most=1000,
        show_default="30%",
    ),
]


def background_load(users: int, think_time: float) -> Load:
    """Return a load of so many users, who think for ``think_time`` percent of the usual times."""
    return Load.model_validate({"users": users, "think_time": format_percentage(think_time)})


EXIT = {Status.PASS: ExitStatus.OK, Status.FAIL: ExitStatus.FAILED, Status.UNKNOWN: ExitStatus.UNKNOWN}


@app.command(epilog=examples("testbed bench failover --repeat 20", "testbed bench failover database --json"))
@holds(Use.EXCLUSIVE)
def failover(
    kinds: Annotated[list[str] | None, typer.Argument(help=f"{' | '.join(KINDS)}; by default all.")] = None,
    repeat: Annotated[int, typer.Option(help="How many times each.", min=1, max=100)] = 5,
    users: Annotated[int, typer.Option(help="Webmail users in the background.", min=1, max=60)] = 6,
    as_json: Json = False,
) -> None:
    """Cut a node's power again and again under load; print n, median and max of the outage and each phase.

    The p95 is printed of 20 trials or more: of fewer, it would be the maximum.

    With them the acknowledged writes lost, the unexpected failovers, and the requests that failed.

    Exit status: 0 every run passes, 1 one fails, 3 one could not be judged.
    """
    chosen = kinds or list(KINDS)
    for kind in chosen:
        if kind not in KINDS:
            raise UsageError(f"no failover {kind!r}", fix=f"there are {', '.join(KINDS)}")
    cluster = Cluster()
    statuses: list[int] = []
    documents = {}
    for kind in chosen:
        runs = []
        for run in repeat_failovers(cluster, kind, repeat, users):
            good = run.status is Status.PASS
            verdict = "" if good else f" [red]verdict: {run.status.value}[/], see {run.folder / 'report.html'}"
            progress.print_line(f"  {KINDS[kind].title}: {run.victim}, {run.outage:.2f} s, {_losses([run])}{verdict}")
            statuses.append(EXIT[run.status])
            runs.append(run)
        if not as_json:
            out.print(_table(kind, runs, cluster.topology.profile))
            out.print(f"  in all: {_losses(runs)}", highlight=False)
        documents[kind] = _keep(cluster, kind, runs)
    if as_json:
        print_json(documents)
    if status := worst(statuses):
        raise typer.Exit(status)


@app.command("overhead", epilog=examples("testbed bench overhead --repeat 3 --for 40s"))
@holds(Use.EXCLUSIVE)
def measuring_cost(
    rounds: Annotated[int, typer.Option("--repeat", help="Rounds with, and as many without.", min=1, max=50)] = 3,
    seconds: For = 40.0,
    users: Annotated[int, typer.Option(help="Webmail users.", min=1, max=60)] = 6,
    think_time: ThinkTime = 30.0,
    as_json: Json = False,
) -> None:
    """Measure what measuring costs: the load's throughput with and without probes and recorder, in turns."""
    done: list[Round] = []
    for each in overhead(Cluster(), rounds, seconds, background_load(users, think_time)):
        how = "with" if each.measured else "without"
        median_ms = each.latency * 1000
        progress.print_line(f"  {how}: {each.throughput:.2f} good exchanges a second, median {median_ms:.0f} ms")
        done.append(each)
    if as_json:
        print_json([asdict(each) for each in done])
        return
    table = Table("good exchanges a second", "n", "median", "least", "most", box=None, header_style="bold")
    medians = {}
    for measured in (False, True):
        values = sorted(each.throughput for each in done if each.measured is measured)
        medians[measured] = Distribution.of(values).median
        figures = (f"{value:.2f}" for value in (medians[measured], values[0], values[-1]))
        table.add_row("with everything that measures" if measured else "without", str(len(values)), *figures)
    out.print(table)
    lost = 1 - medians[True] / medians[False] if medians[False] else 0.0
    out.print(f"measuring took {lost:.1%} of the throughput (to reach: less than 3 %)", highlight=False)


@app.command("idle", epilog=examples("testbed bench idle --for 1m"))
@holds(Use.EXCLUSIVE)
def idle_cost(
    seconds: Annotated[
        float, duration_option("--for", help="How long to measure.", least=5, most=600, show_default="30s")
    ] = 30.0,
    as_json: Json = False,
) -> None:
    """Measure memory and processor use of the idle cluster."""
    cluster = Cluster()
    lifecycle.wait_healthy(cluster)
    with progress.step(f"watching the idle cluster for {seconds:g} s"):
        costs = idle(cluster, seconds)
    if as_json:
        print_json([asdict(each) for each in costs])
        return
    table = Table("container", "memory, MiB", "cores", box=None, header_style="bold")
    for each in sorted(costs, key=lambda cost: cost.name):
        table.add_row(each.name, f"{each.memory_mib:.0f}", f"{each.cores:.3f}")
    memory, cores = sum(each.memory_mib for each in costs), sum(each.cores for each in costs)
    table.add_row("all (to reach: under 4096 MiB, 0.5)", f"{memory:.0f}", f"{cores:.3f}", style="bold")
    out.print(table)


@app.command("soak", epilog=examples("testbed bench soak --for 1h"))
@holds(Use.EXCLUSIVE)
def heaviest_load(
    seconds: Annotated[
        float, duration_option("--for", help="How long in all.", least=30, most=36000, show_default="10m")
    ] = 600.0,
    users: Annotated[int, typer.Option(help="Webmail users, who never stop to think.", min=1, max=60)] = 12,
    as_json: Json = False,
) -> None:
    """Load the cluster as hard as it bears, and count the failovers: there must be none, else exit status 1."""
    cluster = Cluster()
    stretches = []
    for each in soak(cluster, seconds, users):
        rate = f"{each.exchanges:.1f} good exchanges a second, {each.failed} failed"
        progress.print_line(
            f"  {each.seconds / 60:.1f} min, {rate}; {len(each.moves)} moves of an address; {each.folder}"
        )
        for line in (*each.moves, *each.complaints):
            progress.print_line(f"    {line}")
        stretches.append(each)
    moves = sum(len(each.moves) for each in stretches)
    table = Table("probe", "longest outage, s", box=None, header_style="bold")
    for name in stretches[0].outages:
        table.add_row(name, f"{max(each.outages[name] for each in stretches):.2f}")
    out.print(table)
    lasted = sum(each.seconds for each in stretches)
    out.print(f"{moves} false failovers in {lasted / 60:.0f} min of {users} users ({cluster.topology.profile}; to "
              f"reach: 0), state asked {sum(each.samples for each in stretches)} times", highlight=False)  # fmt: skip
    figures = write_figures(
        cluster, f"soak-{users}", {"users": users, "stretches": [_stretch(each) for each in stretches]}
    )
    if as_json:
        print_json(figures)
    if moves:
        raise typer.Exit(ExitStatus.FAILED)


def _stretch(each: SoakResult) -> dict[str, object]:
    return asdict(each) | {"folder": each.folder.name}


def _losses(runs: list[Failover]) -> str:
    lost, false = sum(run.lost for run in runs), sum(run.false for run in runs)
    flying, beyond = sum(run.in_flight for run in runs), sum(run.beyond for run in runs)
    return (f"{lost} acknowledged writes lost, {false} false failovers, {flying} requests failed that were in flight "
            f"and {beyond} later ones")  # fmt: skip


def _table(kind: str, runs: list[Failover], profile: str) -> Table:
    target = KINDS[kind].targets.get(profile)
    reach = f"to reach: median {target[0]:g} s" if target else "no time to reach"
    if target and target[1] < inf:
        reach += f", p95 {target[1]:g} s"
    title = f"{KINDS[kind].title} ({profile}; {reach})"
    table = Table("seconds", "n", "median", "tail", box=None, header_style="bold", title=title, title_justify="left")
    _row(table, f"outage ({KINDS[kind].probe})", [run.outage for run in runs], "bold")
    moved = [run.phases for run in runs if run.phases]
    for name in dict.fromkeys(name for phases in moved for name, _ in phases.rows()):
        values = [at for phases in moved if (at := phases.seconds.get(name)) is not None]
        if values:
            _row(table, f"fault to {name}", values)
    return table


def _row(table: Table, name: str, values: list[float], style: str = "") -> None:
    spread = Distribution.of(values)
    table.add_row(name, str(spread.n), f"{spread.median:.2f}", spread.tail("{:.2f}".format), style=style)


def _keep(cluster: Cluster, kind: str, runs: list[Failover]) -> dict[str, object]:
    spread = Distribution.of([run.outage for run in runs])
    rows = [
        {
            "victim": run.victim,
            "outage": run.outage,
            "phases": dict(run.phases.seconds) if run.phases else {},
            "lost": run.lost,
            "false": run.false,
            "in-flight": run.in_flight,
            "beyond": run.beyond,
            "verdict": run.status.value,
            "run": run.folder.name,
        }
        for run in runs
    ]
    return write_figures(cluster, f"failover-{kind}", {"outage": asdict(spread), "runs": rows})


def write_figures(cluster: Cluster, name: str, figures: Mapping[str, object]) -> dict[str, object]:
    """Write figures to a file, with the platform that they were measured on; returns all of it."""
    folder = cluster.settings.state_dir / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}.json"
    document = {**cluster.platform, **figures}
    path.write_text(json.dumps(document, indent=2))
    progress.print_line(f"  kept in {path}")
    return document
