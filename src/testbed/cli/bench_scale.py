"""``testbed bench scale``: the cost of the testbed itself against nodes, users, probes and journal size."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from testbed.bench import scale as bench
from testbed.bench.scale.slope import GrowthKind
from testbed.cli.bench import app
from testbed.cli.group import examples
from testbed.cli.options import Json, duration_option, print_json
from testbed.cli.output import out, progress
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.lock import Use, hold
from testbed.errors import TestbedError, UsageError
from testbed.record_file import replace_file

HEALTHY_SECONDS = 240.0
COLOURS = {GrowthKind.LINEAR: "green", GrowthKind.NONE: "green", GrowthKind.WORSE: "red"}


@app.command(
    epilog=examples("testbed bench scale", "testbed bench scale --only journal", "testbed bench scale --resume")
)
def scale(
    *,
    only: Annotated[
        list[str] | None, typer.Option(metavar="SIZE", help=f"{', '.join(bench.SUBJECTS)}; by default all.")
    ] = None,
    rounds: Annotated[
        int,
        typer.Option("--repeat", help="Rounds of each; 0: as usual for it.", min=0, max=100, show_default="as usual"),
    ] = 0,
    seconds: Annotated[
        float,
        duration_option("--for", help="How long the load is counted; probes half of it.", least=4, most=120,
                        show_default="20s"),
    ] = 20.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest session.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write the newest session's tables again.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Measure what the testbed itself costs, by app nodes, users, probes and journal size.

    Each cost has its slope and its exponent, with intervals. The journal needs no cluster that is up.

    The cluster is scaled to 2, 4 and 8 app nodes, and back to what it was in the end.

    A session keeps every measurement at once. After an interruption, --resume takes the turns that are left.
    """
    cluster = Cluster()
    parent = cluster.settings.state_dir / "bench"
    chosen = _chosen(only)
    if report:
        _print_slopes(bench.BenchSession.newest(parent, bench.KIND), as_json=as_json)
        return
    newest = bench.BenchSession.newest(parent, bench.KIND) if resume else None
    if newest is not None:
        chosen = _chosen(list(newest.opening.claims))
    needs_cluster = any(each.needs_cluster for each in chosen)
    with hold(cluster.settings, Use.EXCLUSIVE) if needs_cluster else nullcontext():
        if needs_cluster:
            lifecycle.wait_healthy(cluster, HEALTHY_SECONDS)
        session = newest or _begin(cluster, parent, chosen, rounds, seconds)
        complete = _measure(cluster, session, chosen)
    _print_slopes(session, as_json=as_json)
    if not complete:
        raise TestbedError(
            "some turns could not be measured", where=str(session.folder), fix="run `testbed bench scale --resume`"
        )


def _chosen(names: Sequence[str] | None) -> list[bench.ScaleSubject]:
    for name in names or ():
        if name not in bench.SUBJECTS:
            raise UsageError(f"no size {name!r}", where="--only", fix=f"there are {', '.join(bench.SUBJECTS)}")
    return [bench.SUBJECTS[name] for name in names or bench.SUBJECTS]


def _begin(
    cluster: Cluster, parent: Path, subjects: Sequence[bench.ScaleSubject], rounds: int, seconds: float
) -> bench.BenchSession:
    """Make the folder of a new session."""
    is_up = any(each.needs_cluster for each in subjects)
    opening = bench.BenchOpening(
        started=time.time(), rounds=rounds, seconds=seconds, claims=tuple(each.key for each in subjects),
        machine=bench.describe(cluster) if is_up else bench.describe_host(),
    )  # fmt: skip
    return bench.BenchSession.begin(parent, bench.KIND, opening)


def _measure(cluster: Cluster, session: bench.BenchSession, subjects: Sequence[bench.ScaleSubject]) -> bool:
    """Measure what the session lacks, write the tables after each subject, and return whether every turn worked."""
    opening = session.opening
    options = bench.Options(opening.rounds, opening.seconds, opening.users)
    progress.print_line(f"session {session.folder}")
    complete = True
    for subject in subjects:
        progress.print_line(f"[bold]{subject.title}[/]")
        complete &= bench.measure(Cluster(cluster.settings), session, subject, options, progress.print_line)
        _write(session)
    return complete


def _write(session: bench.BenchSession) -> list[bench.ScaleResult]:
    """Write the tables, and return the results in them."""
    samples, opening = session.samples(), session.opening
    found = [bench.scale_result(bench.SUBJECTS[key], samples) for key in opening.claims if key in bench.SUBJECTS]
    replace_file(session.folder / bench.TABLES, bench.scale_markdown(opening, found, session.failures()))
    return found


def _print_slopes(session: bench.BenchSession, *, as_json: bool) -> None:
    """Write the tables, and print the slopes."""
    results = _write(session)
    if as_json:
        print_json({
            "session": session.folder.name,
            "machine": session.opening.machine,
            "slopes": [
                {"size": each.subject.key, "cost": measure.key, "unit": measure.unit, **asdict(growth)}
                for each in results
                for measure, growth in each.growths.items()
            ],
        })  # fmt: skip
    else:
        table = Table("cost", "slope", "interval", "fixed", "exponent", "interval", "n", "growth", box=None,
                      header_style="bold")  # fmt: skip
        for each in results:
            for measure, growth in each.growths.items():
                *cells, kind = bench.growth_cells(each, measure, growth)
                colour = COLOURS.get(growth.kind, "yellow")
                table.add_row(escape(measure.title), *map(escape, cells), f"[{colour}]{kind}[/]")
        out.print(table)
    progress.print_line(f"tables: {session.folder / bench.TABLES}")
