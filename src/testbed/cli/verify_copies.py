"""``testbed verify-copies``: compare the blocks of both database nodes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from testbed import settings as configuration
from testbed.cli.exit_status import ExitStatus
from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, errors, progress
from testbed.cluster import Cluster, copy_verification, project
from testbed.cluster.lock import Use
from testbed.designs.design_registry import design_of
from testbed.errors import TestbedError, UsageError

app = new_app()


@app.command("verify-copies", epilog=examples("testbed verify-copies", "testbed verify-copies --repair"))
@holds(Use.CHANGE)
def verify_copies(
    repair: Annotated[
        bool, typer.Option("--repair", help="Give the standby the primary's blocks where the copies differ.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare both copies of the database, block by block; it takes minutes.

    They are compared while they are in use.

    Exit status: 0 they are equal, or have been repaired; 1 they differ; 2 the comparison was not started; 3 it did not
    finish; 4 the repair was refused or did not finish.
    """
    settings = configuration.load()
    if not project.exists(settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    cluster = Cluster(settings)
    name = copy_verification.primary(cluster)
    [peer] = [each.node for each in cluster.state().databases if each.node != name]
    try:
        with progress.step(f"comparing the disk of {peer} with that of {name}, which serves"):
            found = copy_verification.verify(cluster, repair=repair)
    except UsageError:
        raise
    except TestbedError as error:
        if repair:
            raise
        errors.print(f"[bold red]testbed:[/] whether the copies are equal is unknown: {escape(str(error))}")
        raise typer.Exit(ExitStatus.UNKNOWN) from None
    if as_json:
        print_json({**asdict(found), "equal": found.equal, "primary": name, "standby": peer})
    if found.repaired_kib:
        err.print(
            f"[green]✓[/] the copies are equal again: {peer} got {found.repaired_kib} KiB from {name}", highlight=False
        )
    elif found.equal:
        err.print("[green]✓[/] the copies are equal", highlight=False)
    else:
        replication = design_of(cluster.topology).replication
        err.print(
            f"[red]✗[/] the copies differ in {found.differing_kib} KiB: a disk has lost or changed blocks that "
            f"{replication} had written; `testbed verify-copies --repair` gives {peer} the blocks of {name}",
            highlight=False,
        )
        raise typer.Exit(ExitStatus.FAILED)
