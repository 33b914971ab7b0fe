"""``testbed bench``: the project's figures, measured."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer
from rich.table import Table

from testbed.bench import KINDS, Failover, Round, idle, overhead, repeated
from testbed.checks import Status
from testbed.cli.main import app
from testbed.cli.output import out, progress
from testbed.cluster import Cluster, lifecycle
from testbed.errors import UsageError
from testbed.report import Distribution
from testbed.scenarios.model import Load

bench = typer.Typer(help="Measure the project's figures on this machine.", no_args_is_help=True)
app.add_typer(bench, name="bench")

HEALTHY_SECONDS = 120.0


@bench.command()
def failover(
    kinds: Annotated[list[str] | None, typer.Argument(help=f"{' | '.join(KINDS)}; by default all.")] = None,
    repeat: Annotated[int, typer.Option(help="How many times each.", min=1, max=100)] = 5,
    users: Annotated[int, typer.Option(help="Webmail users in the background.", min=1, max=60)] = 6,
) -> None:
    """Cut a machine's power again and again under load; print n, median, p95 and max of the outage and each phase."""
    chosen = kinds or list(KINDS)
    for kind in chosen:
        if kind not in KINDS:
            raise UsageError(f"no failover {kind!r}", mend=f"there are {', '.join(KINDS)}")
    cluster = Cluster()
    wrong = 0
    for kind in chosen:
        runs = []
        for run in repeated(cluster, kind, repeat, users):
            good = run.status is Status.PASS
            verdict = "" if good else f" [red]verdict: {run.status.value}[/], see {run.folder / 'report.html'}"
            progress.say(f"  {KINDS[kind].title}: {run.victim}, {run.outage:.2f} s{verdict}")
            wrong += not good
            runs.append(run)
        out.print(_table(kind, runs))
        _keep(cluster, kind, runs)
    if wrong:
        raise typer.Exit(1)


@bench.command("overhead")
def measuring_cost(
    rounds: Annotated[int, typer.Option(help="Rounds with, and as many without.", min=1, max=50)] = 3,
    seconds: Annotated[float, typer.Option(help="How long each is counted.", min=5, max=600)] = 40,
    users: Annotated[int, typer.Option(help="Webmail users.", min=1, max=60)] = 6,
    think: Annotated[float, typer.Option(help="Factor on their thinking times; 0: as busy as can be.", min=0)] = 0.3,
) -> None:
    """Measure what measuring costs: the load's throughput with and without probes and recorder, in turns."""
    done: list[Round] = []
    for each in overhead(Cluster(), rounds, seconds, Load.model_validate({"users": users, "think": think})):
        progress.say(f"  {'with' if each.measured else 'without'}: {each.throughput:.2f} good exchanges a second, "
                     f"median {each.latency * 1000:.0f} ms")  # fmt: skip
        done.append(each)
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


@bench.command("idle")
def idle_cost(
    seconds: Annotated[float, typer.Option(help="How long to measure.", min=5, max=600)] = 30,
) -> None:
    """Measure memory and processor use of the idle cluster."""
    cluster = Cluster()
    lifecycle.wait_healthy(cluster, HEALTHY_SECONDS)
    with progress.step(f"watching the idle cluster for {seconds:g} s"):
        costs = idle(cluster, seconds)
    table = Table("container", "memory, MiB", "cores", box=None, header_style="bold")
    for each in sorted(costs, key=lambda cost: cost.name):
        table.add_row(each.name, f"{each.memory_mib:.0f}", f"{each.cores:.3f}")
    memory, cores = sum(each.memory_mib for each in costs), sum(each.cores for each in costs)
    table.add_row("all (to reach: under 4096 MiB, 0.5)", f"{memory:.0f}", f"{cores:.3f}", style="bold")
    out.print(table)


def _table(kind: str, runs: list[Failover]) -> Table:
    target = KINDS[kind].target
    title = f"{KINDS[kind].title} (to reach: median {target:g} s)"
    table = Table(
        "seconds", "n", "median", "p95", "max", box=None, header_style="bold", title=title, title_justify="left"
    )
    _row(table, f"outage ({KINDS[kind].probe})", [run.outage for run in runs], "bold")
    moved = [run.phases for run in runs if run.phases]
    for name in dict.fromkeys(name for phases in moved for name, _ in phases.rows()):
        values = [at for phases in moved if (at := phases.seconds.get(name)) is not None]
        if values:
            _row(table, f"fault to {name}", values)
    return table


def _row(table: Table, name: str, values: list[float], style: str = "") -> None:
    spread = Distribution.of(values)
    figures = (f"{value:.2f}" for value in (spread.median, spread.p95, spread.maximum))
    table.add_row(name, str(spread.n), *figures, style=style)


def _keep(cluster: Cluster, kind: str, runs: list[Failover]) -> None:
    folder = cluster.settings.state_dir / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-failover-{kind}.json"
    rows = [
        {
            "victim": run.victim,
            "outage": run.outage,
            "phases": dict(run.phases.seconds) if run.phases else {},
            "verdict": run.status.value,
            "run": run.folder.name,
        }
        for run in runs
    ]
    path.write_text(json.dumps({"accel": cluster.shape.accel, "runs": rows}, indent=2))
    progress.say(f"  kept in {path}")
