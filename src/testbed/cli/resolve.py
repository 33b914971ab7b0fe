"""``testbed resolve``: what replication leaves to people, done in the right order, with nothing thrown away."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Consent, Json, Yes, print_json
from testbed.cli.output import err, out, progress
from testbed.cluster import Cluster, discarded_copies, lifecycle, project, split_brain_repair
from testbed.cluster.lock import Use
from testbed.cluster.split_brain_repair import Side
from testbed.errors import UsageError
from testbed.topology import Role

app = new_app(help="Resolve a split brain, and read the data that was discarded.", no_args_is_help=True)


@app.command(
    "split-brain", epilog=examples("testbed resolve split-brain --show", "testbed resolve split-brain --keep db1")
)
@holds(Use.CHANGE)
def split_brain(
    keep: Annotated[str, typer.Option(help="The node whose data is kept; by default the primary.")] = "",
    show: Annotated[bool, typer.Option("--show", help="Print what each side has, and change nothing.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Keep one side's data, and overwrite the other's.

    A copy of the overwritten side is kept. `testbed resolve read` opens it.

    Refused (exit status 2) when there is no split brain, or a fault is still in force.
    """
    if show and keep:
        raise UsageError("--show changes nothing, and --keep may move the service", fix="use one of them")
    cluster = _running()
    which = split_brain_repair.sides(cluster, keep)
    consent = Consent(given=yes)
    if not show:
        consent.must_be_possible("this overwrites the data of one side")
    with progress.step(f"copying the data of {which.loser}, before anything overwrites it"):
        copy = split_brain_repair.separate(cluster, which)
    with progress.step("opening the copy, and comparing it with what is served"):
        kept, lost = split_brain_repair.compare(cluster, which, copy)
    if as_json:
        print_json({"kept": _document(kept, lost), "overwritten": _document(lost, kept), "copy": str(copy)})
    else:
        _print_side(kept, lost, "keeps its data")
        _print_side(lost, kept, "is overwritten")
    err.print(f"  the copy of {which.loser}: {copy}", highlight=False)
    if show:
        return
    consent.ask(f"the data of {which.loser} is overwritten with the data of {which.survivor}; the copy stays")
    with progress.step(f"overwriting {which.loser} with the data of {which.survivor}"):
        split_brain_repair.reunite(cluster, which)
        lifecycle.wait_healthy(cluster)
    err.print(f"[green]split brain resolved:[/] {which.survivor} serves, {which.loser} is its standby", highlight=False)
    err.print(f"  what only {which.loser} had: `testbed resolve read {copy} 'SELECT ...'`", highlight=False)


@app.command(
    "read",
    epilog=examples("testbed resolve read .testbed/discarded/db2.qcow2 'SELECT count(*) FROM writes' --database probe"),
)
@holds(Use.CHANGE)
def read(
    copy: Annotated[Path, typer.Argument(help="The copy, a file in .testbed/discarded.")],
    query: Annotated[str, typer.Argument(help="An SQL statement.")],
    database: Annotated[str, typer.Option(help="horde (the webmail's) or probe (the probes' writes).")] = "horde",
    as_json: Json = False,
) -> None:
    """Run an SQL statement on a copy of discarded data.

    The copy is opened in a VM without network. The copy does not change.
    """
    if not copy.is_file():
        raise UsageError("no such copy", where=str(copy), fix="`ls .testbed/discarded` lists them")
    cluster = Cluster()
    node = cluster.topology.of_role(Role.DATABASE)[0].name
    with progress.step(f"asking {copy.name}"), discarded_copies.OpenedCopy(cluster, copy, node) as opened:
        rows = opened.sql(database, query)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(row)


def _running() -> Cluster:
    cluster = Cluster()
    if not project.exists(cluster.settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    return cluster


def _document(side: Side, other: Side) -> dict[str, object]:
    alone = side.alone(other)
    return {
        "node": side.node,
        "generation": side.generation,
        "last_write": max(side.tokens.values(), default=None),
        "writes": len(side.tokens),
        "writes_here_alone": len(alone),
        "tables": side.tables,
    }


def _print_side(side: Side, other: Side, fate: str) -> None:
    alone = side.alone(other)
    out.print(f"[bold]{side.node}[/] {fate}: {side.replication} generation {side.generation}", highlight=False)
    out.print(f"  last write {_when(side.tokens)}; {len(alone)} of the probes' writes are here alone"
              + (f", the first {_when(alone, first=True)}" if alone else ""), highlight=False)  # fmt: skip
    if differing := side.differing(other):
        rows = ", ".join(f"{name} {side.tables.get(name, 0)}" for name in differing)
        out.print(f"  the webmail's tables that differ in length, with rows here: {rows}", highlight=False)


def _when(writes: dict[str, float], *, first: bool = False) -> str:
    if not writes:
        return "never"
    at = min(writes.values()) if first else max(writes.values())
    return datetime.fromtimestamp(at).astimezone().isoformat(sep=" ", timespec="milliseconds")
