"""``testbed backup``: the database's volume in a file, while it is in use."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Json, print_json
from testbed.cli.output import err, progress
from testbed.cluster import Cluster, backup, project
from testbed.cluster.discarded_copies import OpenedCopy
from testbed.cluster.lock import Use
from testbed.errors import TestbedError, UsageError

app = new_app()


@app.command("backup", epilog=examples("testbed backup", "testbed backup /srv/before-upgrade.tar"))
@holds(Use.CHANGE)
def backup_volume(
    file: Annotated[
        Path | None, typer.Argument(help="The file to write; by default .testbed/backups/TIME.tar.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open/--no-open", help="Start PostgreSQL on it, to prove it.")] = True,
    as_json: Json = False,
) -> None:
    """Write the database's volume to a file while it is in use.

    The volume has the database and the shared files. It is copied from the standby, and nothing is stopped.
    """
    cluster = Cluster()
    if not project.exists(cluster.settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    target = file or cluster.settings.state_dir / backup.FOLDER / time.strftime("%Y%m%d-%H%M%S.tar")
    node = backup.standby(cluster)
    with progress.step(f"copying the disk of {node}"):
        backup.take(cluster, node, target)
    writes = None
    if open_it:
        try:
            with (
                progress.step("opening it in a VM without network"),
                backup.disk_of(target, target.parent) as disk,
                OpenedCopy(cluster, disk, node) as opened,
            ):
                [writes] = opened.sql("probe", "select count(*) from writes")
        except TestbedError as error:
            unproved = target.rename(target.with_name(f"{target.name}.unproved"))
            raise TestbedError(f"PostgreSQL does not serve from it: {error}", where=str(unproved)) from None
        err.print(f"  PostgreSQL starts on it; it holds {writes} of the probes' writes", highlight=False)
    if as_json:
        print_json({"file": str(target), "bytes": target.stat().st_size, "node": node, "writes": writes})
    err.print(f"[green]backup:[/] {target} ({target.stat().st_size / 1e6:.0f} MB)", highlight=False)
