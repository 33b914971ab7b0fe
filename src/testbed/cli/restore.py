"""``testbed restore``: put a backup on both database nodes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Consent, Yes
from testbed.cli.output import err, progress
from testbed.cluster import Cluster, backup, lifecycle, project
from testbed.cluster.lock import Use
from testbed.errors import UsageError
from testbed.host import engine, project_owner

app = new_app()


@app.command(
    epilog=examples("testbed restore .testbed/backups/20261124-120000.tar", "testbed restore --yes before-upgrade.tar")
)
@holds(Use.CHANGE)
def restore(file: Annotated[Path, typer.Argument(help="What `testbed backup` wrote.")], yes: Yes = False) -> None:
    """Replace the database's volume by a backup.

    Both database nodes get it. What was written since the backup is lost.

    Refused (exit status 2), with nothing changed: no backup, one of another filesystem, or faults in force.
    """
    cluster = Cluster()
    if not project.exists(cluster.settings):
        raise UsageError("no cluster is up", fix="run `testbed up`")
    project_owner.must_be_ours(engine.client(), cluster.settings)
    manifest = backup.check(cluster, file)
    taken = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(manifest.taken_at))
    Consent(given=yes).ask(f"the database is replaced by the backup of {taken}, and what was written since is lost")
    with (
        progress.step("putting the disk on both database nodes"),
        backup.disk_of(file, cluster.settings.state_dir / backup.FOLDER) as disk,
    ):
        backup.put_back(cluster, disk)
    with progress.step("waiting until every part serves"):
        lifecycle.wait_healthy(cluster)
    err.print(f"[green]restored:[/] the volume is as it was at {taken}", highlight=False)
