"""Reset: the same cluster with new containers and disks, as a new one has them.

No node is repaired, because what is deleted needs no repair: so every condition of the cluster ends in the same state.
Networks, secrets, shape and identity stay.
"""

from __future__ import annotations

from testbed.cluster import application_images, lifecycle, project
from testbed.cluster.cluster import Cluster
from testbed.cluster.start_record import forget_start
from testbed.cluster.unfinished_disks import DiskChange
from testbed.errors import UsageError
from testbed.host import identity
from testbed.progress import Progress


def must_be_resettable(cluster: Cluster) -> None:
    """Refuse to reset a cluster that does not exist.

    Raises:
        UsageError: there is none, or an application's image is gone; nothing has been changed.
    """
    if not project.exists(cluster.settings) and not DiskChange.RESET.note(cluster.settings).exists():
        raise UsageError("no cluster is up", fix="run `testbed up`")
    application_images.programs(cluster.topology)


def reset(cluster: Cluster, progress: Progress) -> None:
    """Replace every node and volume by a new one, and wait until the cluster is healthy.

    Args:
        cluster: in any condition.
        progress: shows each step.

    Raises:
        TestbedError: the new nodes do not become healthy, or an old one cannot be removed; run it again.
    """
    settings = cluster.settings
    note = DiskChange.RESET.note(settings)
    note.touch()
    # All disks go, so no restore can complete them any more.
    DiskChange.RESTORE.note(settings).unlink(missing_ok=True)
    with progress.step("removing the nodes and their disks"):
        forget_start(settings)
        project.remove_nodes(identity.ensure(settings))
        # The faults went with the nodes. Those on the host are swept when the new nodes start.
        for entry in cluster.ledger.readable_entries():
            cluster.ledger.remove(entry)
        cluster.ledger.set_aside_damaged()
    note.unlink()
    lifecycle.up(cluster, progress, keep=True)
