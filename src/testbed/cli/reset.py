"""``testbed reset``: the cluster as it was when it was new."""

from __future__ import annotations

import time

from testbed.cli.group import examples, new_app
from testbed.cli.locking import holds
from testbed.cli.options import Consent, Yes
from testbed.cli.output import err, progress
from testbed.cluster import Cluster
from testbed.cluster.lock import Use
from testbed.cluster.reset import must_be_resettable
from testbed.cluster.reset import reset as reset_cluster
from testbed.cluster.shape import remembered
from testbed.host import engine, project_owner
from testbed.settings import load

app = new_app()


@app.command(epilog=examples("testbed reset", "testbed reset --yes"))
@holds(Use.EXCLUSIVE)
def reset(yes: Yes = False) -> None:
    """Bring the cluster back to the state of a new one, whatever its condition.

    Databases, mail, sessions, shared files, decisions about pools and faults are deleted. Profile, scale, addresses,
    secrets and passwords stay, and so do runs, backups and logs of earlier runs.
    """
    started = time.monotonic()
    settings = load()
    shape = remembered(settings).lasting()
    cluster = Cluster(settings, shape)
    claim = project_owner.claim(engine.client(), settings)
    claim.must_be_ours()
    claim.must_be_alone()
    must_be_resettable(cluster)
    Consent(given=yes).ask("the data of all nodes is deleted: databases, mail, sessions and shared files")
    reset_cluster(cluster, progress)
    err.print(f"[green]reset:[/] the cluster is as new (after {time.monotonic() - started:.1f} s)", highlight=False)
