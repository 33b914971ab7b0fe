"""``testbed bench sessions`` and ``testbed bench single``: the same users at work under two designs, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from statistics import median
from typing import Annotated

import typer
from rich.table import Table

from testbed.bench import Work, work
from testbed.cli.bench import For, ThinkTime, app, background_load, write_figures
from testbed.cli.group import examples
from testbed.cli.locking import holds
from testbed.cli.options import Json, print_json
from testbed.cli.output import out, progress
from testbed.cluster import Cluster
from testbed.cluster.lock import Use
from testbed.incidents.locust_command import site_url
from testbed.incidents.runner import reshape
from testbed.report.axis import DASH

Rows = Mapping[str, Callable[[Work], float | None]]
WAITING: Rows = {
    "requests a second": lambda each: each.rate,
    "request, median, ms": lambda each: each.latency.median,
    "request, p95, ms": lambda each: each.latency.p95,
}
SESSIONS: Rows = {
    **WAITING,
    "database transactions a second": lambda each: each.transactions,
    "session, mean, KiB": lambda each: each.size,
    "processor time a request, ms: app nodes": lambda each: each.cost("app"),
    "processor time a request, ms: databases": lambda each: each.cost("db"),
    "processor time a request, ms: all servers": lambda each: each.cost("lb", "app", "db", "mail"),
    "users who log in again when an app node dies": lambda each: each.logins,
}
# On the single server PHP, TLS and database share one node: its row is the node's.
SINGLE: Rows = {
    **WAITING,
    "cores of a node that runs PHP": lambda each: each.busy(each.php) / each.count(each.php),
    "processor time a request, ms: nodes that run PHP": lambda each: each.cost(each.php),
    "processor time a request, ms: balancers": lambda each: each.cost("lb") if each.site == "cluster" else 0.0,
    "processor time a request, ms: databases": lambda each: each.cost("db") if each.site == "cluster" else 0.0,
    "processor time a request, ms: mail": lambda each: each.cost("mail"),
}
Users = Annotated[int, typer.Option(help="Webmail users.", min=1, max=60)]
Rounds = Annotated[int, typer.Option("--repeat", help="Rounds of each, in turns.", min=1, max=50)]


@app.command(epilog=examples("testbed bench sessions --repeat 3", "testbed bench sessions --padding 0 --padding 64"))
@holds(Use.EXCLUSIVE)
def sessions(
    rounds: Rounds = 1,
    seconds: For = 40.0,
    users: Users = 6,
    think_time: ThinkTime = 30.0,
    padding: Annotated[
        list[int] | None, typer.Option(help="KiB added to each session; by default 0 and 64.", min=0, max=1024)
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure sessions in files with sticky routing against sessions in the database, and what a node's death costs.

    The cluster is switched from one to the other, and back to what it was in the end.
    """
    cluster = Cluster()
    load = background_load(users, think_time)
    shape = cluster.shape
    done: dict[str, list[Work]] = {}
    try:
        for number in range(rounds):
            for size in padding or (0, 64):
                for store in ("files", "database") if number % 2 == 0 else ("database", "files"):
                    name = f"{store}, {size} KiB added" if size else store
                    cluster = reshape(cluster, replace(shape, sessions=store, padding=size))
                    found = work(cluster, "bench-sessions", load, seconds, kill=True)
                    done.setdefault(name, []).append(_print_round(name, found))
    finally:
        reshape(cluster, shape)
    _report(cluster, "sessions", done, SESSIONS, as_json=as_json)


@app.command(epilog=examples("testbed up --overlay single", "testbed bench single --repeat 3"))
@holds(Use.EXCLUSIVE)
def single(
    rounds: Rounds = 1, seconds: For = 40.0, users: Users = 6, think_time: ThinkTime = 30.0, as_json: Json = False
) -> None:
    """Measure the cluster against the single server that it replaced (overlay single): the same users, in turns."""
    cluster = Cluster()
    site_url(cluster.topology, "single", where="bench single")
    load = background_load(users, think_time)
    done: dict[str, list[Work]] = {}
    for number in range(rounds):
        for site in ("cluster", "single") if number % 2 == 0 else ("single", "cluster"):
            done.setdefault(site, []).append(_print_round(site, work(cluster, f"bench-{site}", load, seconds, site)))
    _report(cluster, "single", done, SINGLE, as_json=as_json)


def _print_round(name: str, found: Work) -> Work:
    """Print and return the result of one round."""
    again = "" if found.logins is None else f"; {found.logins} logged in again when an app node died"
    progress.print_line(f"  {name}: {found.rate:.2f} requests a second, median {found.latency.median:.0f} ms{again}")
    return found


def _print(done: Mapping[str, Sequence[Work]], rows: Rows) -> None:
    """One column a design; of several rounds the median."""
    table = Table("median of the rounds", *done, box=None, header_style="bold")
    for title, value in rows.items():
        table.add_row(title, *(_median([value(each) for each in works]) for works in done.values()))
    out.print(table)


def _median(values: Sequence[float | None]) -> str:
    """The median of the rounds; a dash where a round has no value."""
    known = [value for value in values if value is not None]
    return f"{median(known):.2f}" if len(known) == len(values) else DASH


def _report(cluster: Cluster, name: str, done: Mapping[str, Sequence[Work]], rows: Rows, *, as_json: bool) -> None:
    """Print the figures and write them to a file."""
    rounds = {key: [{**asdict(each), "folder": each.folder.name} for each in works] for key, works in done.items()}
    if not as_json:
        _print(done, rows)
    document = write_figures(cluster, name, {"rounds": rounds})
    if as_json:
        print_json(document)
