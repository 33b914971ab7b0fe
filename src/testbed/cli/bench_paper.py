"""``testbed bench paper``: the quantitative claims of the 2006 design, measured on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from testbed.bench import paper as bench
from testbed.bench.paper.page import TONES
from testbed.bench.paper.tables import DASH, shown
from testbed.cli.bench import app
from testbed.cli.group import examples
from testbed.cli.locking import holds
from testbed.cli.options import Json, duration_option, print_json
from testbed.cli.output import out, progress
from testbed.cluster import Cluster, lifecycle
from testbed.cluster.lock import Use
from testbed.errors import TestbedError, UsageError

HEALTHY_SECONDS = 240.0
COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow"}


@app.command(epilog=examples("testbed bench paper", "testbed bench paper --only transactions --repeat 6 --for 3s"))
@holds(Use.EXCLUSIVE)
def paper(
    *,
    only: Annotated[
        list[str] | None, typer.Option(metavar="CLAIM", help=f"{', '.join(bench.CLAIMS)}; by default all.")
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            "--repeat", help="Rounds of each claim; 0: as usual for it.", min=0, max=100, show_default="as usual"
        ),
    ] = 0,
    seconds: Annotated[
        float,
        duration_option("--for", help="How long each measurement lasts.", least=1, most=120, show_default="3s"),
    ] = 3.0,
    users: Annotated[int, typer.Option(help="Webmail users of the claims with a load.", min=1, max=60)] = 6,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest session.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Write the newest session's page again.")] = False,
    as_json: Json = False,
) -> None:
    """Measure the quantitative claims of the 2006 design, and write a report with charts.

    The variants of a claim take turns. Each figure has its median, an interval, and the paper's figure beside it.

    A session keeps every measurement at once. After an interruption, --resume takes the turns that are left.
    """
    cluster = Cluster()
    parent = cluster.settings.state_dir / "bench"
    if report:
        session = bench.BenchSession.newest(parent, bench.KIND)
        _print_figures(session, as_json=as_json)
        return
    lifecycle.wait_healthy(cluster, HEALTHY_SECONDS)
    session = (
        bench.BenchSession.newest(parent, bench.KIND)
        if resume
        else _begin(cluster, _chosen(only), rounds, seconds, users)
    )
    opening = session.opening
    options = bench.Options(opening.rounds, opening.seconds, opening.users)
    progress.print_line(f"session {session.folder}")
    complete = True
    for claim in _chosen(list(opening.claims)):
        progress.print_line(f"[bold]{claim.title}[/]")
        complete &= bench.measure(Cluster(cluster.settings), session, claim, options, progress.print_line)
        bench.write(session, _results(session))
    _print_figures(session, as_json=as_json)
    if not complete:
        raise TestbedError(
            "some turns could not be measured", where=str(session.folder), fix="run `testbed bench paper --resume`"
        )


def _chosen(names: list[str] | None) -> list[bench.PaperClaim]:
    for name in names or ():
        if name not in bench.CLAIMS:
            raise UsageError(f"no claim {name!r}", where="--only", fix=f"there are {', '.join(bench.CLAIMS)}")
    return [bench.CLAIMS[name] for name in names or bench.CLAIMS]


def _begin(
    cluster: Cluster, claims: Sequence[bench.PaperClaim], rounds: int, seconds: float, users: int
) -> bench.BenchSession:
    """Make the folder of a new session."""
    opening = bench.BenchOpening(
        started=time.time(), rounds=rounds, seconds=seconds, users=users,
        claims=tuple(claim.key for claim in claims), machine=bench.describe(cluster),
    )  # fmt: skip
    return bench.BenchSession.begin(cluster.settings.state_dir / "bench", bench.KIND, opening)


def _results(session: bench.BenchSession) -> list[bench.Result]:
    samples = session.samples()
    return [bench.result(bench.CLAIMS[key], samples) for key in session.opening.claims if key in bench.CLAIMS]


def _print_figures(session: bench.BenchSession, *, as_json: bool) -> None:
    """Write the page, and print the paper's figures with what was measured."""
    results = _results(session)
    page = bench.write(session, results)
    if as_json:
        print_json({
            "session": session.folder.name,
            "machine": session.opening.machine,
            "figures": [asdict(found) for each in results for found in each.found],
        })  # fmt: skip
    else:
        table = Table("the paper says", "measured", "interval", "n", "verdict", box=None, header_style="bold")
        for found in (found for each in results for found in each.found):
            value, interval = shown(found.estimate, found.unit) if found.estimate else (DASH, DASH)
            colour = COLOURS[TONES[found.judgement]]
            table.add_row(
                escape(found.expectation.statement), value, interval, str(found.estimate.n if found.estimate else 0),
                f"[{colour}]{found.judgement.value}[/]",
            )  # fmt: skip
        out.print(table)
    progress.print_line(f"report: {page}")
    progress.print_line(f"tables: {session.folder / bench.TABLES}")
